/** Which examples make up which batch: a pure function of the seed, the epoch and the batch's number, so that any batch can be made anywhere. */
import { createRandom, permutation, type RandomKey } from "../../random/keyed.js";
import type { ShardOrder } from "../source/types.js";

/** What decides the content of every batch. */
export interface Plan {
  /** Examples in the source. */
  readonly length: number;
  readonly batchSize: number;
  readonly seed: number;
  readonly shuffle: boolean;
  /**
   * Evaluation: every example exactly once in an epoch, the last batch padded and masked. Training: the uneven rest of an epoch is
   * left out; where one batch takes more examples than there are, it goes through them several times.
   */
  readonly evaluation: boolean;
  /** The files the examples lie in: training then goes through them file by file. */
  readonly shards?: ShardOrder;
  /** After how many epochs the views of an example repeat; default: never. */
  readonly views?: number;
  /** Sources that are mixed, one after the other in the numbering of the examples; their lengths add up to `length`. */
  readonly parts?: readonly PlanPart[];
  /** The share of every batch that is made here; default: all of it. */
  readonly share?: BatchShare;
}

/** One of so many equal shares of every batch: slots [index * batchSize / of, (index + 1) * batchSize / of). */
export interface BatchShare {
  readonly index: number;
  readonly of: number;
}

/** Slots of a batch that are made here: the first one, and how many. */
export function ownSlots({ batchSize, share = { index: 0, of: 1 } }: Plan): {
  readonly first: number;
  readonly count: number;
} {
  const count = batchSize / share.of;
  return { first: share.index * count, count };
}

/** One of several sources that are mixed. */
export interface PlanPart {
  readonly length: number;
  /** Its share of the batches, relative to the other parts'. */
  readonly weight: number;
  readonly shards?: ShardOrder;
}

/** The examples of an epoch in their order, and how often each had its turn before: what its random draws follow from. */
export interface EpochOrder {
  readonly indices: Int32Array;
  readonly passes: Int32Array;
}

/** Where a loader stands: the next batch is number `batch` of epoch `epoch`. The other fields check that it is the same data. */
export interface LoaderPosition {
  readonly epoch: number;
  readonly batch: number;
  readonly seed: number;
  readonly batchSize: number;
  readonly length: number;
}

/** Batches in an epoch; in training at least one. */
export function batchesPerEpoch({ length, batchSize, evaluation }: Plan): number {
  return evaluation ? Math.ceil(length / batchSize) : Math.max(1, Math.floor(length / batchSize));
}

/**
 * The order of the examples in an epoch: a new full permutation each epoch, or 0, 1, 2, ... Examples in files are permuted
 * within a few files at a time, the files in a new order each epoch. Mixed sources are drawn from by their weights.
 */
export function epochOrder(plan: Plan, epoch: number): EpochOrder {
  const { length, batchSize, seed, shuffle, shards, evaluation } = plan;
  const one = { length, shards };
  // A batch larger than the source (fine-tuning on a few examples of each class) is drawn as if from a mix of it alone.
  const parts = plan.parts ?? (length < batchSize ? [{ ...one, weight: 1 }] : undefined);
  if (parts && !evaluation) return mixedOrder(plan, parts, epoch);
  const indices = shuffle ? shuffled(one, seed, epoch) : Int32Array.from({ length }, (_, i) => i);
  return { indices, passes: new Int32Array(length).fill(epoch) };
}

/** An order of the examples of one source drawn from the generator of `keys`. */
function shuffled({ length, shards }: Pick<PlanPart, "length" | "shards">, ...keys: RandomKey[]): Int32Array {
  if (!shards || shards.lengths.length <= shards.together) return permutation(length, "epoch", ...keys);
  const { lengths, together } = shards;
  const starts: number[] = [];
  for (let i = 0, start = 0; i < lengths.length; start += lengths[i++]!) starts.push(start);
  const files = permutation(lengths.length, "shards", ...keys);
  const order = new Int32Array(length);
  let at = 0;
  for (let first = 0; first < files.length; first += together) {
    const members: number[] = [];
    for (const file of files.subarray(first, first + together))
      for (let i = 0; i < lengths[file]!; i++) members.push(starts[file]! + i);
    for (const i of permutation(members.length, "window", ...keys, first)) order[at++] = members[i]!;
  }
  return order;
}

/** How many of `slots` each part gets: in proportion to the weights, what does not divide to the largest remainders. */
export function slotsOfParts(slots: number, parts: readonly Pick<PlanPart, "weight">[]): number[] {
  const sum = parts.reduce((total, { weight }) => total + weight, 0);
  const exact = parts.map(({ weight }) => (slots * weight) / sum);
  const counts = exact.map(Math.floor);
  const byRemainder = [...exact.keys()].sort((a, b) => exact[b]! - counts[b]! - (exact[a]! - counts[a]!) || a - b);
  const left = slots - counts.reduce((a, b) => a + b, 0);
  for (const part of byRemainder.slice(0, left)) counts[part]!++;
  return counts;
}

/**
 * An epoch of mixed sources. Each part has exactly its share of the slots, spread evenly: its k-th of n stands at (k + u) / n
 * of the epoch, u drawn anew for every part and epoch, so that every batch is mixed nearly as the whole. Each part goes through
 * its own permutations, one after the other across epochs; a small one begins a new one within an epoch.
 */
function mixedOrder(plan: Plan, parts: readonly PlanPart[], epoch: number): EpochOrder {
  const slots = batchesPerEpoch(plan) * plan.batchSize;
  const counts = slotsOfParts(slots, parts);
  const partOf = new Int32Array(slots);
  const place = new Float64Array(slots);
  let at = 0;
  for (const [p, count] of counts.entries()) {
    const offset = createRandom("mix", plan.seed, epoch, p).uniform();
    for (let k = 0; k < count; k++, at++) {
      partOf[at] = p;
      place[at] = (k + offset) / count;
    }
  }
  const sequence = Int32Array.from({ length: slots }, (_, i) => i).sort((a, b) => place[a]! - place[b]! || a - b);
  const readers = parts.map((part, p) => {
    const start = parts.slice(0, p).reduce((sum, { length }) => sum + length, 0);
    let turn = epoch * counts[p]!;
    let pass = -1;
    let order = new Int32Array(0);
    return (): readonly [index: number, pass: number] => {
      const own = Math.floor(turn / part.length);
      if (own !== pass) {
        pass = own;
        order = plan.shuffle
          ? new Int32Array(shuffled(part, plan.seed, pass, "part", p))
          : Int32Array.from({ length: part.length }, (_, i) => i);
      }
      return [start + order[turn++ % part.length]!, pass];
    };
  });
  const indices = new Int32Array(slots);
  const passes = new Int32Array(slots);
  for (const [slot, s] of sequence.entries())
    [indices[slot], passes[slot]] = readers[partOf[s]!]!() as [number, number];
  return { indices, passes };
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
      `the saved loader position belongs to other data: ${list}. Continue with the same source, seed and batch size, or start anew`,
    );
  }
  const whole = (x: number): boolean => Number.isInteger(x) && x >= 0;
  if (!whole(position.epoch) || !whole(position.batch) || position.batch >= batchesPerEpoch(plan)) {
    throw new Error(
      `the saved loader position (epoch ${position.epoch}, batch ${position.batch}) does not exist: an epoch has ${batchesPerEpoch(plan)} batches`,
    );
  }
  return position;
}

/** Checks the numbers of a plan. */
export function checkPlan(plan: Plan, name: string): void {
  const { batchSize, length, seed } = plan;
  if (!(Number.isInteger(batchSize) && batchSize >= 1))
    throw new Error(`batchSize must be a whole number from 1, not ${batchSize}`);
  if (!Number.isSafeInteger(seed)) throw new Error(`seed must be a whole number, not ${seed}`);
  if (!Number.isInteger(ownSlots(plan).count))
    throw new Error(`a batch of ${batchSize} cannot be divided into ${plan.share!.of} equal shares`);
  for (const { weight } of plan.parts ?? [])
    if (!(weight > 0 && Number.isFinite(weight))) throw new Error(`weight must be a number above 0, not ${weight}`);
  if (length === 0) throw new Error(`${name} has no examples`);
}
