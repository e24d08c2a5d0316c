/** Assigns examples to batches as a pure function of the seed, the epoch and the batch number, so that any thread can make any batch. */
import { createRandom, permutation, type RandomKey } from "../../random/keyed.js";
import type { ShardOrder } from "../source/types.js";

/** Settings that determine the content of every batch. */
export interface Plan {
  /** Number of examples in the source. */
  readonly length: number;
  readonly batchSize: number;
  readonly seed: number;
  readonly shuffle: boolean;
  /**
   * Evaluation: every example occurs exactly once in an epoch, and the last batch is padded and masked. Training: the remainder of an epoch
   * is dropped; a batch larger than the source repeats its examples.
   */
  readonly evaluation: boolean;
  /** Files that contain the examples: training then reads file by file. */
  readonly shards?: ShardOrder;
  /** Number of epochs after which random draws of an example repeat. Default: never. */
  readonly views?: number;
  /** Mixed sources with consecutive numbering of their examples; their lengths add up to `length`. */
  readonly parts?: readonly PlanPart[];
  /** Share of every batch that is made here. Default: all of it. */
  readonly share?: BatchShare;
}

/** One of `of` equal shares of every batch: slots [index * batchSize / of, (index + 1) * batchSize / of). */
export interface BatchShare {
  readonly index: number;
  readonly of: number;
}

/** Slots of a batch that are made here: the first one, and their number. */
export function ownSlots({ batchSize, share = { index: 0, of: 1 } }: Plan): {
  readonly first: number;
  readonly count: number;
} {
  const count = batchSize / share.of;
  return { first: share.index * count, count };
}

/** One of several mixed sources. */
export interface PlanPart {
  readonly length: number;
  /** Weight in the batches, relative to the other parts. */
  readonly weight: number;
  readonly shards?: ShardOrder;
}

/** The examples of an epoch in order, and how often each occurred before, which determines its random draws. */
export interface EpochOrder {
  readonly indices: Int32Array;
  readonly passes: Int32Array;
}

/** Position of a loader: the next batch is number `batch` of epoch `epoch`. The other fields check that the data is the same. */
export interface LoaderPosition {
  readonly epoch: number;
  readonly batch: number;
  readonly seed: number;
  readonly batchSize: number;
  readonly length: number;
}

/** Number of batches in an epoch; in training at least one. */
export function batchesPerEpoch({ length, batchSize, evaluation }: Plan): number {
  return evaluation ? Math.ceil(length / batchSize) : Math.max(1, Math.floor(length / batchSize));
}

/**
 * Order of the examples in an epoch: a new permutation in each epoch, or 0, 1, 2, ... Examples in files are permuted within a few files at
 * a time, with a new order of the files in each epoch. Mixed sources are sampled by their weights.
 */
export function epochOrder(plan: Plan, epoch: number): EpochOrder {
  const { length, batchSize, seed, shuffle, shards, evaluation } = plan;
  const one = { length, shards };
  // A batch larger than the source (fine-tuning on a few examples of each class) is drawn like a mixture of this source alone.
  const parts = plan.parts ?? (length < batchSize ? [{ ...one, weight: 1 }] : undefined);
  if (parts && !evaluation) return mixedOrder(plan, parts, epoch);
  const indices = shuffle ? shuffled(one, seed, epoch) : Int32Array.from({ length }, (_, i) => i);
  return { indices, passes: new Int32Array(length).fill(epoch) };
}

/** Order of the examples of one source, drawn from the generator of `keys`. */
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

/** Distributes `slots` to the parts in proportion to their weights, by the method of largest remainders. */
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
 * An epoch of mixed sources. Each part has exactly its share of the slots, spread evenly: example k of n is placed at (k + u) / n of the
 * epoch, with u drawn for every part and epoch. Every batch therefore has nearly the same mixture. Each part goes through its own
 * permutations, one after the other across epochs; a small part starts a new one within an epoch.
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

/** Returns the position after `position`. */
export function advance(plan: Plan, position: LoaderPosition): LoaderPosition {
  const batch = position.batch + 1;
  return batch < batchesPerEpoch(plan) ? { ...position, batch } : { ...position, epoch: position.epoch + 1, batch: 0 };
}

/**
 * Checks that a saved position belongs to a plan.
 * @throws if the seed, the batch size or the number of examples differ; the message lists the differences.
 */
export function checkPosition(plan: Plan, position: LoaderPosition): LoaderPosition {
  const differences = (["seed", "batchSize", "length"] as const).filter((name) => position[name] !== plan[name]);
  if (differences.length > 0) {
    const list = differences.map((name) => `${name} was ${position[name]} and is ${plan[name]}`).join(", ");
    throw new Error(
      `the saved loader position belongs to other data: ${list}; use the same source, seed and batch size, or start a new run`,
    );
  }
  const whole = (x: number): boolean => Number.isInteger(x) && x >= 0;
  if (!whole(position.epoch) || !whole(position.batch) || position.batch >= batchesPerEpoch(plan)) {
    throw new Error(
      `the saved loader position (epoch ${position.epoch}, batch ${position.batch}) does not exist; an epoch has ${batchesPerEpoch(plan)} batches`,
    );
  }
  return position;
}

/** Checks the numbers of a plan. */
export function checkPlan(plan: Plan, name: string): void {
  const { batchSize, length, seed } = plan;
  if (!(Number.isInteger(batchSize) && batchSize >= 1))
    throw new Error(`invalid batchSize ${batchSize}; expected an integer of at least 1`);
  if (!Number.isSafeInteger(seed)) throw new Error(`invalid seed ${seed}; expected an integer`);
  if (!Number.isInteger(ownSlots(plan).count))
    throw new Error(`a batch of ${batchSize} cannot be divided into ${plan.share!.of} equal shares`);
  for (const { weight } of plan.parts ?? [])
    if (!(weight > 0 && Number.isFinite(weight)))
      throw new Error(`invalid weight ${weight}; expected a number above 0`);
  if (length === 0) throw new Error(`${name} has no examples; expected at least one`);
}
