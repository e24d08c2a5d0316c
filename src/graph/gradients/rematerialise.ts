/** Reduces memory at the cost of time: recomputes blocks in the backward pass, and accumulates gradients over microbatches. */
import { after } from "../ops/control.js";
import { add, divide, multiply } from "../ops/elementwise.js";
import { scale } from "../ops/scale.js";
import { sliceAxis } from "../ops/shape.js";
import { type Block, describe, insideBlock, isFloat, ShapeError, type Tensor } from "../tensor.js";
import { grad } from "./grad.js";

let nextBlock = 1;

/**
 * Runs `body` so that its intermediate tensors are not kept for the backward pass but recomputed there from the tensors that enter it
 * (gradient checkpointing). Mark one encoder block at a time: memory falls to the intermediates of one block plus one tensor for each
 * block, and time rises by one forward pass. Blocks do not nest; an inner block is part of the outer one.
 * Values that depend only on inputs and parameters are not recomputed, because the runtime merges them with the originals.
 */
export function rematerialise<T>(body: () => T): T {
  const block: Block = { id: nextBlock++ };
  return insideBlock(block, body);
}

export interface AccumulatedGradients<M extends Record<string, Tensor>> {
  /** Means over the microbatches of the scalars that `lossOf` returned. */
  readonly metrics: M;
  readonly gradients: Tensor[];
}

/**
 * Computes mean metrics and mean gradients over equal parts of a batch, one part after the other. Each part starts only after all gradients
 * of the previous one have been computed, so that the intermediates of only one part are alive at a time. (Waiting for a single gradient
 * would defer the others and keep their inputs alive.) A batch without a float tensor cannot be delayed.
 *
 * `batch` holds tensors with the example axis first. `lossOf(part)` returns scalars; the one named `loss` is differentiated (papers.md
 * 5.10, accumulate_gradient). With the scalar `lossScale`, the loss times this scalar is differentiated and the gradients are divided by it
 * at the end, so that small gradients do not underflow in half precision (Micikevicius et al., Mixed Precision Training, 2018, section
 * 3.2). Throws ShapeError if the batch size is not divisible by `microbatches`.
 */
export function accumulateGradients<M extends Record<string, Tensor> & { loss: Tensor }>(
  batch: Readonly<Record<string, Tensor>>,
  microbatches: number,
  parameters: readonly Tensor[],
  lossOf: (part: Readonly<Record<string, Tensor>>, index: number) => M,
  lossScale?: Tensor,
): AccumulatedGradients<M> {
  if (!Number.isInteger(microbatches) || microbatches < 1) {
    throw new ShapeError(`accumulateGradients: got ${microbatches} microbatches; expected an integer of at least 1`);
  }
  const names = Object.keys(batch);
  for (const name of names) {
    if (batch[name]!.shape[0]! % microbatches !== 0) {
      throw new ShapeError(
        `accumulateGradients: the first side of ${name} ${describe(batch[name]!)} is not divisible by ${microbatches} microbatches`,
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
