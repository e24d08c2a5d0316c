/** Networks of the Vision Transformer's successors in the layouts that hold them, with their tables. */
import type { ModelConfig } from "../../src/models/index.js";
import {
  clipTable,
  d,
  h,
  huggingFaceDinov2,
  huggingFaceDinov3,
  openclipTable,
  original,
  patches,
  siglipTable,
  timmBlocks,
  timmClass,
  timmNorm,
  timmPatches,
  timmPool,
  tiny,
  without,
} from "./successor-tables.js";
import { direct, type Table, torchDense, torchNorm } from "./tables.js";

export interface SuccessorCase {
  readonly config: ModelConfig;
  readonly layout: "huggingface" | "timm" | "openclip";
  readonly table: Table;
  readonly told: Readonly<Record<string, unknown>>;
  readonly numerics: Readonly<Record<string, unknown>>;
  /** The network is written under other names of the same layout. */
  readonly readOnly?: boolean;
}

const told = { heads: h };
const erf = { gelu: "erf", layerNormEpsilon: 1e-6 } as const;
const coarse = { gelu: "erf", layerNormEpsilon: 1e-5 } as const;
const dinov3 = { posEmbedding: "none", rotary: { kind: "centred", base: 100 }, registers: 4, layerScale: 1 } as const;
const eva02 = { kind: "cells", base: 10_000, reference: [16, 16] } as const;
const clip = { inputNorm: "tokens", withoutBias: ["patch"] } as const;

export const successorCases: Readonly<Record<string, SuccessorCase>> = {
  "Hugging Face, DINOv2 with registers": {
    config: tiny({ registers: 2, layerScale: 1 }),
    layout: "huggingface",
    table: huggingFaceDinov2(false),
    told,
    numerics: erf,
  },
  "Hugging Face, DINOv2 with SwiGLU": {
    config: tiny({ registers: 2, layerScale: 1, mlp: "swiglu" }),
    layout: "huggingface",
    table: huggingFaceDinov2(true),
    told,
    numerics: erf,
  },
  "Hugging Face, DINOv3": {
    config: tiny({ ...dinov3, withoutBias: ["key"] }),
    layout: "huggingface",
    table: huggingFaceDinov3(false),
    told,
    numerics: coarse,
  },
  "Hugging Face, DINOv3 with SwiGLU": {
    config: tiny({ ...dinov3, withoutBias: ["key"], mlp: "swiglu" }),
    layout: "huggingface",
    table: huggingFaceDinov3(true),
    told,
    numerics: coarse,
  },
  "Hugging Face, SigLIP": {
    config: tiny({ pooling: "map" }),
    layout: "huggingface",
    table: siglipTable(),
    told,
    numerics: { gelu: "tanh", layerNormEpsilon: 1e-6 },
  },
  "Hugging Face, CLIP": {
    config: tiny({ ...clip, projection: 6 }),
    layout: "huggingface",
    table: clipTable(),
    told,
    numerics: { gelu: "quick", layerNormEpsilon: 1e-5 },
  },
  OpenCLIP: {
    config: tiny({ ...clip, projection: 6 }),
    layout: "openclip",
    table: openclipTable(),
    told,
    numerics: coarse,
  },
  "timm, CLIP": {
    config: tiny({ ...clip, classes: 5 }),
    layout: "timm",
    table: {
      ...timmClass,
      pos_embed: direct(original, [1, patches + 1, d]),
      ...without(timmPatches, /bias/),
      ...torchNorm("norm_pre", "Transformer/input_norm", d),
      ...timmBlocks({}),
      ...timmNorm,
      ...torchDense("head", "head", d, 5),
    },
    told,
    numerics: coarse,
  },
  "timm, DINOv2 with registers": {
    config: tiny({ registers: 2, layerScale: 1, classTokenOrder: "after" }),
    layout: "timm",
    table: {
      ...timmClass,
      reg_token: direct("registers", [1, 2, d]),
      pos_embed: direct("pos_embedding", [1, patches, d]),
      ...timmPatches,
      ...timmBlocks({ scale: "ls" }),
      ...timmNorm,
    },
    told,
    numerics: erf,
  },
  "timm, DINOv2 with SwiGLU": {
    config: tiny({ layerScale: 1, mlp: "swiglu" }),
    layout: "timm",
    table: {
      ...timmClass,
      pos_embed: direct(original, [1, patches + 1, d]),
      ...timmPatches,
      ...timmBlocks({ scale: "ls", mlp: "packed" }),
      ...timmNorm,
    },
    told,
    numerics: erf,
  },
  "timm, DINOv3": {
    config: tiny({ ...dinov3, withoutBias: ["key"], pooling: "gap", classToken: true }),
    layout: "timm",
    table: {
      ...timmClass,
      reg_token: direct("registers", [1, 4, d]),
      ...timmPatches,
      ...timmBlocks({ scale: "gamma", attention: "biases apart" }),
      ...timmNorm,
    },
    told,
    numerics: coarse,
  },
  "timm, DINOv3 with SwiGLU and without biases of attention": {
    config: tiny({
      ...dinov3,
      withoutBias: ["query", "key", "value"],
      mlp: "swiglu",
      pooling: "gap",
      classToken: true,
    }),
    layout: "timm",
    table: {
      ...timmClass,
      reg_token: direct("registers", [1, 4, d]),
      ...timmPatches,
      ...without(timmBlocks({ scale: "gamma", attention: "biases apart", mlp: "separate" }), /[qv]_bias$/),
      ...timmNorm,
    },
    told,
    numerics: coarse,
  },
  "timm, EVA-02 small": {
    config: tiny({
      rotary: eva02,
      withoutBias: ["key"],
      mlp: "swiglu",
      pooling: "gap",
      poolNorm: "after",
      classToken: true,
      classes: 5,
    }),
    layout: "timm",
    table: {
      ...timmClass,
      pos_embed: direct(original, [1, patches + 1, d]),
      ...timmPatches,
      ...timmBlocks({ attention: "biases apart", mlp: "packed" }),
      ...torchNorm("fc_norm", "fc_norm", d),
      ...torchDense("head", "head", d, 5),
    },
    told,
    numerics: erf,
  },
  "timm, EVA-02 base": {
    config: tiny({
      rotary: eva02,
      withoutBias: ["key"],
      mlp: "swiglu",
      innerNorms: ["mlp"],
      pooling: "gap",
      poolNorm: "after",
      classToken: true,
    }),
    layout: "timm",
    table: {
      ...timmClass,
      pos_embed: direct(original, [1, patches + 1, d]),
      ...timmPatches,
      ...timmBlocks({ attention: "separate", mlp: "separate", mlpNorm: true }),
      ...torchNorm("fc_norm", "fc_norm", d),
    },
    told,
    numerics: erf,
    readOnly: true,
  },
  "timm, PE": {
    config: tiny({
      ...clip,
      rotary: { kind: "cells", base: 10_000, reference: [2, 2], offset: 1, order: "xy" },
      pooling: "map",
      poolHeads: 8,
      classToken: true,
    }),
    layout: "timm",
    table: {
      ...timmClass,
      pos_embed: direct(original, [1, patches + 1, d]),
      ...without(timmPatches, /bias/),
      ...torchNorm("norm_pre", "Transformer/input_norm", d),
      ...timmBlocks({}),
      ...timmNorm,
      ...timmPool(1),
    },
    told,
    numerics: coarse,
  },
  "timm, AIMv2": {
    config: tiny({
      norm: "rms",
      inputNorm: "patches",
      mlp: "swiglu",
      withoutBias: ["query", "key", "value", "out", "mlp"],
      pooling: "gap",
    }),
    layout: "timm",
    table: {
      pos_embed: direct("pos_embedding", [1, patches, d]),
      ...timmPatches,
      "patch_embed.norm.weight": direct("embedding_norm/scale", [d]),
      ...without(timmBlocks({ mlp: "separate" }), /bias$/),
      ...without(timmNorm, /bias$/),
    },
    told,
    numerics: coarse,
  },
};
