/** Less memory for more time: blocks computed again in the backward pass, gradients accumulated over microbatches. */
import { after } from "../ops/control.js";
import { add, divide, multiply } from "../ops/elementwise.js";
import { scale } from "../ops/scale.js";
import { sliceAxis } from "../ops/shape.js";
import { type Block, describe, insideBlock, isFloat, ShapeError, type Tensor } from "../tensor.js";
import { grad } from "./grad.js";

let nextBlock = 1;

/**
 * Runs `body` so that the tensors it makes are not kept for the backward pass but computed again there, from the
 * tensors that enter it. Mark one encoder block at a time: memory falls to one block's intermediates plus one tensor
 * a block, time rises by one forward pass. Blocks do not nest; an inner one is part of the outer.
 * What follows from inputs and parameters alone is not recomputed: nothing holds it back, and the runtime merges it.
 */
export function rematerialise<T>(body: () => T): T {
  const block: Block = { id: nextBlock++ };
  return insideBlock(block, body);
}

export interface AccumulatedGradients<M extends Record<string, Tensor>> {
  /** Means over the microbatches of what `lossOf` returned. */
  readonly metrics: M;
  readonly gradients: Tensor[];
}

/**
 * Mean metrics and mean gradients over equal parts of a batch, one part after the other: each starts only when all
 * gradients of the one before are there (one alone would leave the others for later, and what they need alive), so only
 * one part's intermediates are alive at a time. A batch without any float tensor cannot be held back.
 *
 * `batch` holds tensors with the example axis first; `lossOf(part)` returns scalars, the one named `loss` is
 * differentiated (papers.md 5.10, accumulate_gradient). With `lossScale`, a scalar, it is the loss times that scalar that is
 * differentiated, and the gradients are divided by it at the end: in between, in half precision, small ones then do not
 * vanish (Micikevicius et al., Mixed Precision Training, 2018, section 3.2). Throws ShapeError when the batch does not divide.
 */
export function accumulateGradients<M extends Record<string, Tensor> & { loss: Tensor }>(
  batch: Readonly<Record<string, Tensor>>,
  microbatches: number,
  parameters: readonly Tensor[],
  lossOf: (part: Readonly<Record<string, Tensor>>, index: number) => M,
  lossScale?: Tensor,
): AccumulatedGradients<M> {
  if (!Number.isInteger(microbatches) || microbatches < 1) {
    throw new ShapeError(`accumulateGradients: ${microbatches} is not a number of microbatches`);
  }
  const names = Object.keys(batch);
  for (const name of names) {
    if (batch[name]!.shape[0]! % microbatches !== 0) {
      throw new ShapeError(
        `accumulateGradients: ${name} ${describe(batch[name]!)} does not divide into ${microbatches}`,
      );
    }
  }
  let gradients: Tensor[] | undefined;
  let metrics: Record<string, Tensor> | undefined;
  for (let index = 0; index < microbatches; index++) {
    const part: Record<string, Tensor> = {};
    for (const name of names) {
      const whole = batch[name]!;
      const size = whole.shape[0]! / microbatches;
      const slice = sliceAxis(whole, 0, index * size, (index + 1) * size);
      part[name] = gradients && isFloat(slice.dtype) ? after(slice, ...gradients) : slice;
    }
    const found = lossOf(part, index);
    const own = grad(lossScale ? multiply(found.loss, lossScale) : found.loss, parameters);
    gradients = gradients ? gradients.map((total, i) => add(total, own[i]!)) : own;
    const before = metrics;
    metrics = before
      ? Object.fromEntries(Object.keys(found).map((name) => [name, add(before[name]!, found[name]!)]))
      : found;
  }
  const mean = (total: Tensor) => scale(total, 1 / microbatches);
  const unscaled = (gradient: Tensor) => (lossScale ? divide(gradient, lossScale) : gradient);
  return {
    metrics: Object.fromEntries(Object.entries(metrics!).map(([name, total]) => [name, mean(total)])) as M,
    gradients: gradients!.map((total) => unscaled(mean(total))),
  };
}
