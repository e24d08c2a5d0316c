/** Makes batches: reads, decodes and preprocesses the examples of one batch and writes them into flat arrays. */

import {
  type AnyImage,
  applyPreprocessing,
  type DataRecord,
  describePreprocessing,
  ExampleError,
  exampleRandom,
  type PixelImage,
  type Preprocessing,
  type SplitPreprocessing,
  scalesProblem,
  splitPreprocessing,
} from "../../images/index.js";
import { createRandom } from "../../random/keyed.js";
import { startsOf } from "../source/class-labels.js";
import type { Example, ImageSource } from "../source/types.js";
import { type EpochOrder, epochOrder, ownSlots, type Plan } from "./plan.js";

/** The arrays of a batch, as they travel between threads. */
export interface BatchArrays {
  /** [N, H, W, C], row by row; in evaluation empty (H = W = C = 0) when not one image of the batch could be read. */
  readonly image: Float32Array;
  readonly shape: readonly [number, number, number, number];
  /** [N] */
  readonly label: Int32Array;
  /** [N, K]: the targets of the source, or [N, depth] of `onehot`; absent without either. */
  readonly labels?: Float32Array;
  /** [N]: 1 for an example, 0 for padding or an example that could not be read. */
  readonly mask: Float32Array;
  /** [N]: the examples' indices in the source, -1 for padding. */
  readonly indices: Int32Array;
}

/** An example that could not be used. */
export interface BadExample {
  readonly index: number;
  readonly id: string;
  readonly reason: string;
}

/** A batch as it is made. */
export interface MadeBatch {
  readonly arrays: BatchArrays;
  readonly bad: readonly BadExample[];
}

export interface BatchMaker {
  /** Makes batch number `batch` of epoch `epoch`; `reuse` may give it the arrays of an old batch to write into. */
  make(epoch: number, batch: number, reuse?: BatchArrays): Promise<MadeBatch>;
}

export interface BatchMakerOptions {
  /** How many examples are read and decoded at once. */
  readonly concurrency: number;
  /** How many bytes of pixels, as they are before the first random op, are kept from epoch to epoch. */
  readonly cacheBytes: number;
}

/**
 * Returns a maker of the batches of a plan, with a pipeline for all examples or one for each part. Equal arguments make equal batches, whichever thread makes them and in whatever
 * order.
 *
 * In training a bad example's place is taken by the next good one in the epoch's order (which is then seen twice in the
 * epoch), so that every batch stays full and does not depend on other batches. In evaluation its mask is 0.
 */
export function createBatchMaker(
  source: ImageSource,
  plan: Plan,
  pipelines: readonly Preprocessing[],
  options: BatchMakerOptions,
): BatchMaker {
  const steps = pipelines.map((pipeline) => {
    const split = splitPreprocessing(pipeline);
    return { ...split, pipeline, restIsRandom: split.rest.some((op) => op.random) };
  });
  const partAt = partFinder(plan);
  const stepsAt = (index: number) => steps[steps.length === 1 ? 0 : partAt(index)]!;
  const viewOf = (pass: number) => (plan.views === undefined ? pass : pass % plan.views);
  const still = createRandom("no random op draws from this");
  const cache = new Map<number, Prepared>();
  let cachedBytes = 0;
  const bad = new Map<number, BadExample>();
  let order: ({ epoch: number } & EpochOrder) | undefined;

  // Examples that are being read while earlier ones are decoded, so that decoding does not wait for files.
  const reads = new Map<number, Promise<Example>>();
  const readAhead = (index: number): void => {
    if (cache.has(index) || bad.has(index) || reads.has(index)) return;
    reads.set(index, handledLater(source.get(index)));
  };

  // Reads an example and applies what comes before the first random op, above all the decoding.
  const prepare = async (index: number): Promise<Prepared> => {
    const kept = cache.get(index);
    if (kept) return kept;
    const known = bad.get(index);
    if (known) throw new ExampleError(known.id, known.reason);
    const { id, label, targets, image } = await (reads.get(index) ?? source.get(index));
    reads.delete(index);
    const read = { id, label, image, labels: targets };
    const prepared = { label, record: await applyPreprocessing(stepsAt(index).fixed, read, still) };
    const bytes = sizeOf(prepared.record.image);
    if (cachedBytes + bytes <= options.cacheBytes && !cache.has(index)) {
      cachedBytes += bytes;
      cache.set(index, { label, record: detach(prepared.record) });
    }
    return prepared;
  };

  return {
    make: async (epoch, batch, reuse) => {
      if (order?.epoch !== epoch) order = { epoch, ...epochOrder(plan, epoch) };
      const { indices, passes } = order;
      const own = ownSlots(plan);
      const start = batch * plan.batchSize + own.first;
      const slots = Math.max(0, Math.min(own.count, indices.length - start));
      const writer = createWriter(plan, reuse);
      const failed: BadExample[] = [];

      const begin = (slot: number): Promise<Prepared> => {
        const ahead = slot + options.concurrency;
        if (ahead < slots) readAhead(indices[start + ahead]!);
        return handledLater(prepare(indices[start + slot]!));
      };
      const finish = async (slot: number, begun: Promise<Prepared>): Promise<void> => {
        // In evaluation the example itself; in training, up to the whole epoch's order is searched for a good one, of the
        // same part where several are mixed.
        const attempts = plan.evaluation ? 1 : indices.length;
        const part = partAt(indices[start + slot]!);
        const steps = stepsAt(indices[start + slot]!);
        const { rest, restIsRandom } = steps;
        for (let attempt = 0; attempt < attempts; attempt++) {
          const index = indices[(start + slot + attempt) % indices.length]!;
          if (partAt(index) !== part) continue;
          try {
            const { label, record } = await (attempt === 0 ? begun : prepare(index));
            const random = restIsRandom
              ? exampleRandom(plan.seed, viewOf(passes[start + slot]!), index, attempt)
              : still;
            writer.write(slot, index, label, await applyPreprocessing(rest, record, random), steps);
            return;
          } catch (error) {
            if (!(error instanceof ExampleError)) throw error;
            const found = { index, id: error.id, reason: error.reason };
            bad.set(index, found);
            failed.push(found);
          }
        }
        writer.skip(slot, indices[start + slot]!, source.labels[indices[start + slot]!]!);
      };
      let next = 0;
      const lane = async (): Promise<void> => {
        let slot = next++;
        let begun = slot < slots ? begin(slot) : undefined;
        while (begun) {
          await begun.catch(() => undefined);
          // The next example is decoded, on a thread of sharp's, while this one is cropped and written on this thread.
          const [done, ready] = [slot, begun];
          slot = next++;
          begun = slot < slots ? begin(slot) : undefined;
          await finish(done, ready);
        }
      };
      try {
        await Promise.all(Array.from({ length: Math.min(options.concurrency, slots) }, lane));
      } finally {
        reads.clear();
      }
      failed.sort((a, b) => a.index - b.index);
      return { arrays: writer.finish(failed), bad: failed };
    },
  };
}

/** Which part of a plan an example is of; 0 where there are no parts. */
function partFinder({ parts }: Plan): (index: number) => number {
  if (!parts) return () => 0;
  const starts = startsOf(parts.map(({ length }) => length));
  return (index) => starts.findLastIndex((start) => start <= index);
}

/** An example up to its first random op, and the label its source gave it. */
interface Prepared {
  readonly label: number;
  readonly record: DataRecord;
}

/** Marks a promise whose failure is met later, where its value is used, as not forgotten. */
function handledLater<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

/** A `value_range` left to the writer; empty where there is none. */
type Scaling = Pick<SplitPreprocessing, "lookup" | "scales">;
type Steps = Scaling & { readonly pipeline: Preprocessing };

interface Writer {
  /** Writes an example; `steps` says by which pipeline it was made and what of it is left to do. */
  write(slot: number, index: number, label: number, record: DataRecord, steps: Steps): void;
  skip(slot: number, index: number, label: number): void;
  finish(failed: readonly BadExample[]): BatchArrays;
}

/** Writes records into the arrays of one batch; the first image decides their size. */
function createWriter(plan: Plan, reuse: BatchArrays | undefined): Writer {
  const { evaluation } = plan;
  const batchSize = ownSlots(plan).count;
  const labelOf = reuse?.label ?? new Int32Array(batchSize);
  const mask = reuse?.mask ?? new Float32Array(batchSize);
  const indices = reuse?.indices ?? new Int32Array(batchSize);
  labelOf.fill(0);
  mask.fill(0);
  indices.fill(-1);
  const filled = new Uint8Array(batchSize);
  let image: Float32Array | undefined;
  let labels: Float32Array | undefined;
  let first: PixelImage | undefined;
  let firstId = "";
  let slotFilled = false;
  return {
    write: (slot, index, label, record, { pipeline, ...scaling }) => {
      const pixels = record.image;
      if (pixels.kind === "encoded")
        throw new Error(
          `The preprocessing "${describePreprocessing(pipeline)}" leaves ${record.id} undecoded; put decode first.`,
        );
      const problem = scaling.scales && scalesProblem(scaling.scales.length, pixels.channels);
      if (problem !== undefined) throw new ExampleError(record.id, problem);
      if (!first) {
        first = pixels;
        firstId = record.id;
        image = fitting(reuse?.image, batchSize * pixels.data.length);
      }
      if (pixels.height !== first.height || pixels.width !== first.width || pixels.channels !== first.channels) {
        throw new Error(
          `The images of a batch must have one size, but after "${describePreprocessing(pipeline)}" ${record.id} is ${sizeText(pixels)} and ${firstId} is ${sizeText(first)}; add resize(size) or a crop of fixed size.`,
        );
      }
      writeImage(image!, slot * pixels.data.length, pixels, scaling);
      if (slotFilled && (record.labels === undefined) !== (labels === undefined))
        throw new Error(
          `Of one batch, ${firstId} and ${record.id} differ in whether they bring targets; give onehot in every preprocessing or in none.`,
        );
      slotFilled = true;
      if (record.labels) {
        labels ??= fitting(reuse?.labels, batchSize * record.labels.length);
        if (labels.length !== batchSize * record.labels.length)
          throw new Error(
            `The targets of a batch must have one length, but ${record.id} has ${record.labels.length} and ${firstId} has ${labels.length / batchSize}.`,
          );
        labels.set(record.labels, slot * record.labels.length);
      }
      labelOf[slot] = label;
      indices[slot] = index;
      mask[slot] = 1;
      filled[slot] = 1;
    },
    skip: (slot, index, label) => {
      labelOf[slot] = label;
      indices[slot] = index;
    },
    finish: (failed) => {
      if (!first || !image) {
        // the size of the images is not known; nothing is lost, since the mask leaves them all out
        if (evaluation)
          return { image: new Float32Array(0), shape: [batchSize, 0, 0, 0], label: labelOf, mask, indices };
        const { id, reason } = failed[0] ?? { id: "the batch", reason: "it is empty" };
        throw new ExampleError(id, `${reason}; no example of this batch could be read`);
      }
      const size = first.data.length;
      const depth = labels ? labels.length / batchSize : 0;
      // Padding is all zeros, whatever an old batch left there.
      for (let slot = 0; slot < batchSize; slot++) {
        if (filled[slot]) continue;
        image.fill(0, slot * size, (slot + 1) * size);
        labels?.fill(0, slot * depth, (slot + 1) * depth);
      }
      const shape = [batchSize, first.height, first.width, first.channels] as const;
      return { image, shape, label: labelOf, mask, indices, labels };
    },
  };
}

function writeImage(
  target: Float32Array,
  offset: number,
  { kind, data, channels }: PixelImage,
  { lookup, scales }: Scaling,
): void {
  if (!lookup || !scales) target.set(data, offset);
  else if (kind !== "raw") {
    for (let i = 0; i < data.length; i++) target[offset + i] = scales[i % scales.length]!(data[i]!);
  } else if (lookup.length === 256) for (let i = 0; i < data.length; i++) target[offset + i] = lookup[data[i]!]!;
  else {
    for (let c = 0; c < channels; c++) {
      const table = lookup.subarray(256 * c, 256 * (c + 1));
      for (let i = c; i < data.length; i += channels) target[offset + i] = table[data[i]!]!;
    }
  }
}

function fitting(old: Float32Array | undefined, length: number): Float32Array {
  return old?.length === length ? old : new Float32Array(length);
}

function sizeOf(image: AnyImage): number {
  return image.kind === "encoded" ? image.bytes.byteLength : image.data.byteLength;
}

/** A copy that holds its own pixels: what is kept must not keep a whole file's buffer alive. */
function detach(record: DataRecord): DataRecord {
  const { image } = record;
  if (image.kind === "encoded") return { ...record, image: { ...image, bytes: image.bytes.slice() } };
  if (image.data.byteLength === image.data.buffer.byteLength) return record;
  return { ...record, image: { ...image, data: image.data.slice() } as PixelImage };
}

function sizeText({ height, width, channels }: PixelImage): string {
  return `${height}x${width}x${channels}`;
}
