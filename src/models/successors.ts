/** The published successors of the Vision Transformer by name: DINOv2, DINOv3, DeiT III, CLIP, SigLIP 2, EVA-02, PE, AIMv2, TIPS v2 (papers.md 14). */
import { type ViTShape, vitVariants } from "./variants.js";
import { type ViTConfig, vitDefaults } from "./vit.js";

/** ImageNet's mean and deviation, and those of CLIP (papers.md 14.3), as a scaling of pixels. */
const imageNet = "value_range((-2.117904,-2.035714,-1.804444),(2.248908,2.428571,2.64))";
const ofCLIP = "value_range((-1.792263,-1.752097,-1.480220),(1.930336,2.074884,2.145897))";
const unit = "value_range(0,1)";
const symmetric = "value_range(-1,1)";

/** A family of successors: what all its sizes share. */
interface Series {
  readonly changes: Partial<ViTConfig>;
  /** Side of the pre-training images, in pixels, unless a size states another. */
  readonly imageSize: number;
  readonly preprocessing: string;
  readonly source: string;
}

const erf = { gelu: "erf", layerNormEpsilon: 1e-6 } as const;
const coarse = { gelu: "erf", layerNormEpsilon: 1e-5 } as const;
const classToken = { pooling: "tok", classTokenOrder: "before" } as const;
const dinov3 = {
  ...coarse,
  ...classToken,
  posEmbedding: "none",
  rotary: { kind: "centred", base: 100 },
  registers: 4,
  layerScale: 1e-5,
  withoutBias: ["key"],
} as const;

const series = {
  DINOv2: {
    changes: { ...erf, ...classToken, layerScale: 1e-5 },
    imageSize: 518,
    preprocessing: imageNet,
    source: "Oquab et al., 2023; Darcet et al., 2024",
  },
  DINOv3: { changes: dinov3, imageSize: 256, preprocessing: imageNet, source: "Siméoni et al., 2025" },
  DeiT3: {
    changes: { ...erf, pooling: "tok", classTokenOrder: "after", layerScale: 1e-6 },
    imageSize: 224,
    preprocessing: imageNet,
    source: "Touvron et al., 2022",
  },
  CLIP: {
    changes: {
      ...classToken,
      gelu: "quick",
      layerNormEpsilon: 1e-5,
      inputNorm: "tokens",
      withoutBias: ["patch"],
    },
    imageSize: 224,
    preprocessing: ofCLIP,
    source: "Radford et al., 2021",
  },
  SigLIP2: {
    changes: { gelu: "tanh", layerNormEpsilon: 1e-6, pooling: "map" },
    imageSize: 256,
    preprocessing: symmetric,
    source: "Tschannen et al., 2025",
  },
  EVA02: {
    changes: {
      ...erf,
      pooling: "gap",
      poolNorm: "after",
      classToken: true,
      rotary: { kind: "cells", base: 10_000, reference: [16, 16] },
      mlp: "swiglu",
      withoutBias: ["key"],
    },
    imageSize: 336,
    preprocessing: ofCLIP,
    source: "Fang et al., 2023",
  },
  PE: {
    changes: {
      ...coarse,
      pooling: "map",
      classToken: true,
      inputNorm: "tokens",
      withoutBias: ["patch"],
      poolHeads: 8,
    },
    imageSize: 224,
    preprocessing: symmetric,
    source: "Bolya et al., 2025",
  },
  AIMv2: {
    changes: {
      layerNormEpsilon: 1e-5,
      pooling: "gap",
      norm: "rms",
      inputNorm: "patches",
      mlp: "swiglu",
      withoutBias: ["query", "key", "value", "out", "mlp"],
    },
    imageSize: 224,
    preprocessing: ofCLIP,
    source: "Fini et al., 2024",
  },
  TIPSv2: {
    changes: { ...erf, pooling: "tok", classTokenOrder: "after", registers: 1, layerScale: 1 },
    imageSize: 448,
    preprocessing: unit,
    source: "Google DeepMind, 2026 (arXiv:2604.12012)",
  },
} as const satisfies Record<string, Series>;

type SeriesName = keyof typeof series;

const ofSize = (name: string): ViTShape => {
  const found = vitVariants[name];
  if (!found) throw new RangeError(`no size ${name}`);
  return found;
};
const swiGlu = (size: ViTShape, mlpDim: number, heads = size.heads): Partial<ViTConfig> => ({
  ...size,
  mlpDim,
  heads,
  mlp: "swiglu",
});

/** The hidden width of EVA-02's gated MLPs: 4 * 2/3 of the width, cut to a whole number (timm, eva.py). */
const twoThirds = (size: ViTShape): number => Math.trunc((size.width * 8) / 3);
const pe = (size: string, patchSize: number, side: number): Partial<ViTConfig> & { readonly imageSize: number } => ({
  ...ofSize(size),
  patchSize,
  imageSize: side,
  rotary: { kind: "cells", base: 10_000, reference: [side / patchSize, side / patchSize], offset: 1, order: "xy" },
});
const eva = (size: string, innerNorms?: readonly "mlp"[], imageSize = 336) => ({
  ...swiGlu(ofSize(size), twoThirds(ofSize(size))),
  patchSize: 14,
  imageSize,
  ...(innerNorms && { innerNorms }),
});
const giant: ViTShape = { width: 1536, depth: 40, heads: 24, mlpDim: 4096 };
const hugePlus: ViTShape = { width: 1280, depth: 32, heads: 20, mlpDim: 5120 };

/** Every published size: `SERIES-SIZE/PATCH`, with what differs from its series. */
const sizes: readonly (readonly [
  series: SeriesName,
  name: string,
  changes: Partial<ViTConfig> & { readonly imageSize?: number },
])[] = [
  ...["S", "B", "L"].map((size) => ["DINOv2", `${size}/14`, { ...ofSize(size), patchSize: 14 }] as const),
  ["DINOv2", "g/14", { ...swiGlu(giant, 4096), patchSize: 14 }],
  ...["S", "B", "L"].map(
    (size) => ["DINOv2", `${size}/14-reg`, { ...ofSize(size), patchSize: 14, registers: 4 }] as const,
  ),
  ...["S", "B", "L"].map((size) => ["DINOv3", `${size}/16`, { ...ofSize(size), patchSize: 16 }] as const),
  ["DINOv3", "S+/16", { ...swiGlu(ofSize("S"), 1536), patchSize: 16 }],
  ["DINOv3", "H+/16", { ...swiGlu(hugePlus, 5120), patchSize: 16 }],
  ...["S", "B"].map((size) => ["DeiT3", `${size}/16`, { ...ofSize(size), patchSize: 16 }] as const),
  ["CLIP", "B/32", { ...ofSize("B"), patchSize: 32, projection: 512 }],
  ["CLIP", "B/16", { ...ofSize("B"), patchSize: 16, projection: 512 }],
  ["CLIP", "L/14", { ...ofSize("L"), patchSize: 14, projection: 768 }],
  ["SigLIP2", "B/16", { ...ofSize("B"), patchSize: 16 }],
  ["SigLIP2", "L/16", { ...ofSize("L"), patchSize: 16 }],
  ["EVA02", "Ti/14", eva("Ti")],
  ["EVA02", "S/14", eva("S")],
  ["EVA02", "B/14", eva("B", ["mlp"], 448)],
  ["EVA02", "L/14", eva("L", ["mlp"], 448)],
  ["PE", "S/16", { ...pe("S", 16, 384), projection: 512 }],
  ["PE", "B/16", { ...pe("B", 16, 224), projection: 1024 }],
  ["PE", "L/14", { ...pe("L", 14, 336), projection: 1024 }],
  ["AIMv2", "L/14", { ...swiGlu(ofSize("L"), 2816, 8), patchSize: 14 }],
  ["TIPSv2", "B/14", { ...ofSize("B"), patchSize: 14 }],
];

/** A published successor. */
export interface PublishedSuccessor {
  /** `DINOv2-S/14` */
  readonly name: string;
  /** Without a head: classes 0. */
  readonly config: ViTConfig;
  readonly imageSize: number;
  readonly preprocessing: string;
  readonly source: string;
}

export const publishedSuccessors: readonly PublishedSuccessor[] = sizes.map(
  ([name, size, { imageSize, ...changes }]) => {
    const { changes: shared, imageSize: usual, preprocessing, source } = series[name];
    return {
      name: `${name}-${size}`,
      config: { ...vitDefaults, ...shared, ...changes, classes: 0 } as ViTConfig,
      imageSize: imageSize ?? usual,
      preprocessing,
      source,
    };
  },
);

/** The configuration of a published successor; undefined for another name. */
export const successorConfig = (name: string): ViTConfig | undefined =>
  publishedSuccessors.find((one) => one.name === name)?.config;
