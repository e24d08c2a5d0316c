/** Writes preprocessed examples into the flat arrays of one batch. */

import {
  type DataRecord,
  describePreprocessing,
  ExampleError,
  type PixelImage,
  type Preprocessing,
  type SplitPreprocessing,
  scalesProblem,
} from "../../images/index.js";
import type { BadExample, BatchArrays } from "./batch.js";
import { ownSlots, type Plan } from "./plan.js";

/** A `value_range` that the writer applies; empty if there is none. */
type Scaling = Pick<SplitPreprocessing, "lookup" | "scales">;
type WriteSteps = Scaling & { readonly pipeline: Preprocessing };

export interface BatchWriter {
  /** Writes an example; `steps` has its pipeline, for errors, and the `value_range` to apply. */
  write(slot: number, index: number, label: number, record: DataRecord, steps: WriteSteps): void;
  skip(slot: number, index: number, label: number): void;
  finish(failed: readonly BadExample[]): BatchArrays;
}

/** Writes records into the arrays of one batch; the first image determines the size. */
export function createWriter(plan: Plan, reuse: BatchArrays | undefined): BatchWriter {
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
          `the preprocessing "${describePreprocessing(pipeline)}" leaves ${record.id} undecoded; start it with decode`,
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
          `the images of a batch must have the same size, but after "${describePreprocessing(pipeline)}" ${record.id} is ${sizeText(pixels)} and ${firstId} is ${sizeText(first)}; add resize(size) or a crop of fixed size`,
        );
      }
      writeImage(image!, slot * pixels.data.length, pixels, scaling);
      if (slotFilled && (record.labels === undefined) !== (labels === undefined))
        throw new Error(
          `only one of ${firstId} and ${record.id} has targets, and they are in one batch; add onehot to every preprocessing or to none`,
        );
      slotFilled = true;
      if (record.labels) {
        labels ??= fitting(reuse?.labels, batchSize * record.labels.length);
        if (labels.length !== batchSize * record.labels.length)
          throw new Error(
            `the targets of a batch must have the same length, but ${record.id} has ${record.labels.length} and ${firstId} has ${labels.length / batchSize}`,
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
        // The size of the images is unknown, but the mask excludes all of them.
        if (evaluation)
          return { image: new Float32Array(0), shape: [batchSize, 0, 0, 0], label: labelOf, mask, indices };
        const { id, reason } = failed[0] ?? { id: "the batch", reason: "it is empty" };
        throw new ExampleError(id, `${reason}; no example of this batch could be read`);
      }
      const size = first.data.length;
      const depth = labels ? labels.length / batchSize : 0;
      // Padding is all zeros, so clear data of a reused batch.
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

function sizeText({ height, width, channels }: PixelImage): string {
  return `${height}x${width}x${channels}`;
}
