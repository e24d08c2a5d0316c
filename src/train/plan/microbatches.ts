/** Chooses the default number of microbatches: as many as keep the intermediates of one in the processor's cache. */
import type { ModelConfig } from "../../models/index.js";

/** Size in bytes of an MLP's hidden layer, the largest intermediate, above which a microbatch is divided further. */
const largestHidden = 5e6;
/** A microbatch is not divided further with at most this many tokens: matrix products with fewer rows are slower. */
const fewTokens = 800;
/** Every microbatch is a separate graph, which takes 0.5 s to compile for ViT-S/16. */
const mostParts = 8;

/**
 * Number of microbatches, a divisor of the batch size, for a model on the CPU. Elementwise operations pass over memory
 * one by one, so transformers are faster in microbatches: 1.3 times for ViT-Ti/16 at batch 64, and 1.3 times for S/16
 * at batch 64 with AdamW, in a fifth of the memory (docs/results.md, "CPU: microbatches"). ResNets are not faster, and
 * are not divided.
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
