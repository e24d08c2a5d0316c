/** Linear classification head of all model families. */
import type { Tensor } from "../graph/index.js";
import { filledWith, zeros } from "./initializers.js";
import { dense, dropout } from "./layers.js";
import type { Scope } from "./scope.js";

/**
 * Computes logits [..., classes] from features [..., width], recorded as `logits`; returns undefined for 0 classes. The kernel is initialised
 * to zero, the bias to `headBiasInit` (papers.md 1.3). In training, dropout of rate `headDropout` is applied to the features.
 */
export function classifierHead(
  scope: Scope,
  preLogits: Tensor,
  {
    classes,
    headBiasInit,
    headDropout = 0,
  }: { readonly classes: number; readonly headBiasInit: number; readonly headDropout?: number },
): Tensor | undefined {
  if (classes === 0) return undefined;
  const biasInitializer = headBiasInit === 0 ? zeros : filledWith(headBiasInit);
  return scope.name(
    "logits",
    dense(scope.at("head"), dropout(scope, preLogits, headDropout), classes, {
      kernelInitializer: zeros,
      biasInitializer,
    }),
  );
}
