/** Tiny Vision Transformers for tests: traced, filled with seeded values, run, and compared with plain-vit.ts. */
import { elementCount, input, type NumericArray, type Tensor } from "../../src/graph/index.js";
import { type ViTConfig, type ViTOutput, vit, vitConfig } from "../../src/models/index.js";
import { type Parameter, Scope, type ScopeOptions } from "../../src/nn/index.js";
import { seeded, seedOf } from "./arrays.js";

/** Width 8, depth 2, 2 heads; patch 4 of whatever image. */
export const tiny = { width: 8, depth: 2, heads: 2, mlpDim: 12, classes: 3 } as const satisfies Partial<ViTConfig>;

/** The options of the Vision Transformer's successors, as their networks combine them and one by one. */
export const successors: Readonly<Record<string, Partial<ViTConfig>>> = {
  "DeiT III: LayerScale, class token without a place": {
    pooling: "tok",
    classTokenOrder: "after",
    layerScale: 0.1,
    gelu: "erf",
  },
  "CLIP: norm of the input, QuickGELU, projection": {
    pooling: "tok",
    inputNorm: "tokens",
    gelu: "quick",
    withoutBias: ["patch"],
    projection: 5,
    layerNormEpsilon: 1e-5,
  },
  "DINOv2 with registers, SwiGLU": { pooling: "tok", registers: 3, layerScale: 1, mlp: "swiglu" },
  "DINOv3: rotary, registers, no key bias": {
    pooling: "tok",
    posEmbedding: "none",
    rotary: { kind: "centred", base: 100 },
    registers: 2,
    layerScale: 0.5,
    withoutBias: ["key"],
    layerNormEpsilon: 1e-5,
  },
  "EVA-02: rotary cells, inner norms, mean without the class token": {
    pooling: "gap",
    poolNorm: "after",
    classToken: true,
    rotary: { kind: "cells", base: 10_000, reference: [4, 4] },
    mlp: "swiglu",
    innerNorms: ["attention", "mlp"],
    withoutBias: ["key"],
  },
  "PE: rotary xy with offset, pooling of all tokens with other heads": {
    pooling: "map",
    classToken: true,
    inputNorm: "tokens",
    rotary: { kind: "cells", base: 10_000, reference: [5, 3], offset: 1, order: "xy" },
    poolHeads: 4,
    projection: 6,
  },
  "AIMv2: RMS norm everywhere, no biases": {
    pooling: "gap",
    norm: "rms",
    inputNorm: "patches",
    mlp: "swiglu",
    withoutBias: ["query", "key", "value", "out", "mlp"],
    layerNormEpsilon: 1e-5,
  },
  "RMS norm after the mean and in the pooling head": { pooling: "map", norm: "rms" },
  "registers without a class token": { pooling: "gap", registers: 2, posEmbedding: "sincos2d" },
  "registers behind the class token of the original order": { pooling: "tok", registers: 2, rematerialise: true },
  "norm inside the GELU MLP": { pooling: "gap", innerNorms: ["mlp"] },
};

export type ImageShape = readonly [number, number, number, number];

export interface TracedViT {
  readonly config: ViTConfig;
  readonly scope: Scope;
  readonly image: Tensor;
  readonly output: ViTOutput;
  readonly parameters: readonly Parameter[];
}

/** A tiny model traced over an input named `image`. */
export function traceTiny(changes: Partial<ViTConfig>, shape: ImageShape, options: ScopeOptions = {}): TracedViT {
  const config = vitConfig("Ti/4", { ...tiny, ...changes });
  const scope = Scope.root(options);
  const image = input("image", "float32", shape);
  const output = vit(scope, image, config);
  return { config, scope, image, output, parameters: scope.parameters };
}

/** Numbers uniform in [-1, 1), the same for the same name. */
export function uniform(length: number, name: string): Float32Array {
  const random = seeded(seedOf(name));
  return Float32Array.from({ length }, () => 2 * random() - 1);
}

/**
 * A value for every parameter that leaves none without influence: nothing zero, and kernels that keep the size of what
 * passes through them.
 */
export function parameterValues(parameters: readonly Parameter[]): Record<string, Float32Array> {
  return Object.fromEntries(
    parameters.map(({ name, tensor }) => {
      const values = uniform(elementCount(tensor.shape), name);
      if (name.endsWith("scale")) return [name, values.map((u) => 1 + 0.3 * u)];
      if (!name.endsWith("kernel")) return [name, values.map((u) => 0.5 * u)];
      const fanIn = /(query|key|value)\/kernel$/.test(name) ? tensor.shape[0]! : values.length / tensor.shape.at(-1)!;
      return [name, values.map((u) => u * Math.sqrt(3 / fanIn))];
    }),
  );
}

/** The largest difference, in units of the largest entry of the second. */
export function relativeError(actual: ArrayLike<number> | NumericArray, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const value = Number(actual[i]);
    if (!Number.isFinite(value)) return Number.POSITIVE_INFINITY;
    difference = Math.max(difference, Math.abs(value - expected[i]!));
    largest = Math.max(largest, Math.abs(expected[i]!));
  }
  return largest === 0 ? difference : difference / largest;
}
