/**
 * The default number of microbatches: as many as keep the intermediates of one in the processor's cache.
 */
import type { ModelConfig } from "../../models/index.js";

/** Bytes of the hidden layer of an MLP, the largest intermediate, from which on a part of a batch is cut further ... */
const largestHidden = 5e6;
/** ... unless it has no more than so many tokens: matrix products of fewer rows are slower. */
const fewTokens = 800;
/** Every part is a graph of its own, and takes ViT-S/16 0.5 s to compile. */
const mostParts = 8;

/**
 * Microbatches for a batch of so many images, a divisor of it, for a model on the CPU. Elementwise operations go over memory one by one, so
 * transformers are faster in parts: ViT-Ti/16 at batch 64 1.3 times, S/16 at batch 64 with AdamW 1.3 times, in a fifth of the memory (docs/results.md,
 * "CPU: microbatches"). ResNets are not, and stay whole.
 */
export function fastestMicrobatches(model: ModelConfig, [height, width]: readonly number[], batchSize: number): number {
  const hiddenWidth = hiddenWidthOf(model);
  if (hiddenWidth === undefined) return 1;
  const { patchSize } = model as { readonly patchSize: number };
  const tokens = Math.floor((height ?? 0) / patchSize) * Math.floor((width ?? 0) / patchSize);
  const divisors = Array.from({ length: mostParts }, (_, i) => i + 1).filter((count) => batchSize % count === 0);
  const fits = (parts: number): boolean => {
    const rows = (batchSize / parts) * tokens;
    return rows <= fewTokens || rows * hiddenWidth * 4 <= largestHidden;
  };
  return divisors.find(fits) ?? divisors.at(-1) ?? 1;
}

function hiddenWidthOf(model: ModelConfig): number | undefined {
  if (model.family === "mixer") return model.channelsMlpDim;
  return model.family === "vit" && model.stem.kind === "patch" ? model.mlpDim : undefined;
}
