/** The linear head that every family ends in. */
import type { Tensor } from "../graph/index.js";
import { dense, dropout, filledWith, type Scope, zeros } from "../nn/index.js";

/**
 * The logits [..., classes] of a representation [..., width], recorded as `logits`; undefined for 0 classes. The kernel starts
 * at zero, the bias at `headBiasInit` (papers.md 1.3). In training `headDropout` of the representation is dropped.
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
