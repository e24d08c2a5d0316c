/** Makes batches: reads, decodes and preprocesses the examples of one batch and writes them into flat arrays. */

import {
  applyPreprocessing,
  ExampleError,
  exampleRandom,
  type Preprocessing,
  splitPreprocessing,
} from "../../images/index.js";
import { startsOf } from "../source/class-labels.js";
import type { ImageSource } from "../source/types.js";
import { type BatchWriter, createWriter } from "./batch-writer.js";
import { type EpochOrder, epochOrder, ownSlots, type Plan } from "./plan.js";
import { handledLater, type Prepared, PreparedExamples, still } from "./prepared.js";

/** The arrays of a batch, in the form that is transferred between threads. */
export interface BatchArrays {
  /** [N, H, W, C], row-major; in evaluation empty (H = W = C = 0) if no image of the batch could be read. */
  readonly image: Float32Array;
  readonly shape: readonly [number, number, number, number];
  /** [N] */
  readonly label: Int32Array;
  /** Targets of the source, [N, K], or of `onehot`, [N, depth]; undefined without either. */
  readonly labels?: Float32Array;
  /** Mask, [N]: 1 for an example, 0 for padding or an example that could not be read. */
  readonly mask: Float32Array;
  /** Indices of the examples in the source, [N]; -1 for padding. */
  readonly indices: Int32Array;
}

/** An example that could not be used. */
export interface BadExample {
  readonly index: number;
  readonly id: string;
  readonly reason: string;
}

/** A batch and its unreadable examples. */
export interface MadeBatch {
  readonly arrays: BatchArrays;
  readonly bad: readonly BadExample[];
}

export interface BatchMaker {
  /** Makes batch number `batch` of epoch `epoch`; it may write into the arrays `reuse` of an old batch. */
  make(epoch: number, batch: number, reuse?: BatchArrays): Promise<MadeBatch>;
}

export interface BatchMakerOptions {
  /** Number of examples read and decoded concurrently. */
  readonly concurrency: number;
  /** Maximum bytes of pixels, before the first random op, that are cached across epochs. */
  readonly cacheBytes: number;
}

/**
 * Creates a maker of the batches of a plan, with one pipeline for all examples or one for each part. Equal arguments give equal batches,
 * whichever thread makes them and in whatever order.
 *
 * In training, a bad example is replaced by the next good one in the epoch's order, which then occurs twice in the epoch. Every batch is
 * therefore full and does not depend on other batches. In evaluation, the mask of a bad example is 0.
 */
export function createBatchMaker(
  source: ImageSource,
  plan: Plan,
  pipelines: readonly Preprocessing[],
  options: BatchMakerOptions,
): BatchMaker {
  const steps = pipelines.map((pipeline): Steps => {
    const split = splitPreprocessing(pipeline);
    return { ...split, pipeline, restIsRandom: split.rest.some((op) => op.random) };
  });
  const partAt = partFinder(plan);
  const stepsAt = (index: number) => steps[steps.length === 1 ? 0 : partAt(index)]!;
  const examples = new PreparedExamples(source, (index) => stepsAt(index).fixed, options.cacheBytes);
  let order: ({ epoch: number } & EpochOrder) | undefined;
  return {
    make: async (epoch, batch, reuse) => {
      if (order?.epoch !== epoch) order = { epoch, ...epochOrder(plan, epoch) };
      const own = ownSlots(plan);
      const start = batch * plan.batchSize + own.first;
      const slots = Math.max(0, Math.min(own.count, order.indices.length - start));
      const writer = createWriter(plan, reuse);
      const work = { source, plan, order, start, slots, examples, stepsAt, partAt, writer, failed: [] };
      const { failed } = await fillBatch(work, options.concurrency);
      failed.sort((a, b) => a.index - b.index);
      return { arrays: writer.finish(failed), bad: failed };
    },
  };
}

/** A pipeline, split at its first random op and at the `value_range` that the writer applies. */
type Steps = ReturnType<typeof splitPreprocessing> & {
  readonly pipeline: Preprocessing;
  readonly restIsRandom: boolean;
};

/** State of filling one batch. */
interface BatchWork {
  readonly source: ImageSource;
  readonly plan: Plan;
  readonly order: EpochOrder;
  /** Position of the batch's first example in the epoch's order, and the number of slots. */
  readonly start: number;
  readonly slots: number;
  readonly examples: PreparedExamples;
  readonly stepsAt: (index: number) => Steps;
  readonly partAt: (index: number) => number;
  readonly writer: BatchWriter;
  readonly failed: BadExample[];
}

/** Fills all slots of a batch, at most `concurrency` concurrently. */
async function fillBatch(work: BatchWork, concurrency: number): Promise<BatchWork> {
  const { order, start, slots, examples } = work;
  const begin = (slot: number): Promise<Prepared> => {
    const ahead = slot + concurrency;
    if (ahead < slots) examples.readAhead(order.indices[start + ahead]!);
    return handledLater(examples.get(order.indices[start + slot]!));
  };
  let next = 0;
  const lane = async (): Promise<void> => {
    let slot = next++;
    let begun = slot < slots ? begin(slot) : undefined;
    while (begun) {
      await begun.catch(() => undefined);
      // sharp decodes the next example on its own thread while this thread crops and writes the current one.
      const [done, ready] = [slot, begun];
      slot = next++;
      begun = slot < slots ? begin(slot) : undefined;
      await fillSlot(work, done, ready);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(concurrency, slots) }, lane));
  } finally {
    examples.forgetReads();
  }
  return work;
}

/**
 * Writes the example of a slot, whose preparation has started. If it is bad, training searches the epoch's order for the next good one,
 * within the same part if several are mixed.
 */
async function fillSlot(work: BatchWork, slot: number, begun: Promise<Prepared>): Promise<void> {
  const { source, plan, order, start, examples, partAt, writer } = work;
  const { indices, passes } = order;
  const first = indices[start + slot]!;
  const steps = work.stepsAt(first);
  const part = partAt(first);
  const pass = passes[start + slot]!;
  const view = plan.views === undefined ? pass : pass % plan.views;
  const attempts = plan.evaluation ? 1 : indices.length;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const index = indices[(start + slot + attempt) % indices.length]!;
    if (partAt(index) !== part) continue;
    try {
      const { label, record } = await (attempt === 0 ? begun : examples.get(index));
      const random = steps.restIsRandom ? exampleRandom(plan.seed, view, index, attempt) : still;
      writer.write(slot, index, label, await applyPreprocessing(steps.rest, record, random), steps);
      return;
    } catch (error) {
      if (!(error instanceof ExampleError)) throw error;
      const bad = { index, id: error.id, reason: error.reason };
      examples.markBad(bad);
      work.failed.push(bad);
    }
  }
  writer.skip(slot, first, source.labels[first]!);
}

/** Returns a function that finds the part of an example; 0 without parts. */
function partFinder({ parts }: Plan): (index: number) => number {
  if (!parts) return () => 0;
  const starts = startsOf(parts.map(({ length }) => length));
  return (index) => starts.findLastIndex((start) => start <= index);
}
