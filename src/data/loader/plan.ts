/** Which examples make up which batch: a pure function of the seed, the epoch and the batch's number, so that any batch can be made anywhere. */
import { permutation } from "../random.js";

/** What decides the content of every batch. */
export interface Plan {
  /** Examples in the source. */
  readonly length: number;
  readonly batchSize: number;
  readonly seed: number;
  readonly shuffle: boolean;
  /** Evaluation: every example exactly once in an epoch, the last batch padded and masked. Training: the uneven rest of an epoch is left out. */
  readonly evaluation: boolean;
}

/** Where a loader stands: the next batch is number `batch` of epoch `epoch`. The other fields check that it is the same data. */
export interface LoaderPosition {
  readonly epoch: number;
  readonly batch: number;
  readonly seed: number;
  readonly batchSize: number;
  readonly length: number;
}

/** Batches in an epoch. */
export function batchesPerEpoch({ length, batchSize, evaluation }: Plan): number {
  return evaluation ? Math.ceil(length / batchSize) : Math.floor(length / batchSize);
}

/** The order of the examples in an epoch: a new full permutation each epoch, or 0, 1, 2, ... */
export function epochOrder({ length, seed, shuffle }: Plan, epoch: number): Int32Array {
  return shuffle ? permutation(length, "epoch", seed, epoch) : Int32Array.from({ length }, (_, i) => i);
}

/** The position after the one given. */
export function advance(plan: Plan, position: LoaderPosition): LoaderPosition {
  const batch = position.batch + 1;
  return batch < batchesPerEpoch(plan) ? { ...position, batch } : { ...position, epoch: position.epoch + 1, batch: 0 };
}

/**
 * Checks a saved position against the plan it is to continue.
 * @throws if the seed, the batch size or the number of examples differ, naming each.
 */
export function checkPosition(plan: Plan, position: LoaderPosition): LoaderPosition {
  const differences = (["seed", "batchSize", "length"] as const).filter((name) => position[name] !== plan[name]);
  if (differences.length > 0) {
    const list = differences.map((name) => `${name} was ${position[name]} and is ${plan[name]}`).join(", ");
    throw new Error(
      `The saved loader position belongs to other data: ${list}. Continue with the same source, seed and batch size, or start anew.`,
    );
  }
  const whole = (x: number): boolean => Number.isInteger(x) && x >= 0;
  if (!whole(position.epoch) || !whole(position.batch) || position.batch >= batchesPerEpoch(plan)) {
    throw new Error(
      `The saved loader position (epoch ${position.epoch}, batch ${position.batch}) does not exist: an epoch has ${batchesPerEpoch(plan)} batches.`,
    );
  }
  return position;
}

/** Checks the numbers of a plan. */
export function checkPlan(plan: Plan, name: string): void {
  const { batchSize, length, evaluation, seed } = plan;
  if (!(Number.isInteger(batchSize) && batchSize >= 1))
    throw new Error(`batchSize must be a whole number from 1, not ${batchSize}.`);
  if (!Number.isSafeInteger(seed)) throw new Error(`seed must be a whole number, not ${seed}.`);
  if (length === 0) throw new Error(`${name} has no examples.`);
  if (!evaluation && length < batchSize) {
    throw new Error(
      `${name} has ${length} examples, which do not fill one training batch of ${batchSize}; use a smaller batch.`,
    );
  }
}
