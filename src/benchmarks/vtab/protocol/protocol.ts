/**
 * Implements the 1,000-example protocol: the training, validation and test images of a task, and their preprocessing.
 */
import { concat, type ImageSource, select } from "../../../data/index.js";
import { permutation } from "../../../random/keyed.js";
import type { TaskSplits } from "./task.js";

/**
 * Training and validation examples while settings are chosen. The final result is trained on both together (papers.md
 * 4).
 */
export const trainExamples = 800;
export const validationExamples = 200;

/** The parts that sources are cut into; `train1000` is `train800` and `validation200`. */
export const parts = ["train800", "validation200", "test"] as const;
export type Part = (typeof parts)[number];

/**
 * The number of a draw of examples. Draw 0 is the published one: the first 800 of the training split and the first 200
 * of the validation split, without shuffling (papers.md 4.1). Any other draw takes as many random examples of both
 * splits, seeded by its number.
 */
export type Draw = number;

/**
 * Cuts one part of a task. A split with fewer examples than the protocol needs is used whole. The part is a view; it
 * closes with the split it is cut from.
 */
export function cutPart(splits: TaskSplits, part: Part, draw: Draw): ImageSource {
  if (part === "test") return splits.test;
  const [source, count] = part === "train800" ? [splits.train, trainExamples] : [splits.validation, validationExamples];
  const taken = Math.min(count, source.length);
  const indices =
    draw === 0
      ? Array.from({ length: taken }, (_, i) => i)
      : [...permutation(source.length, "vtab draw", draw, part).subarray(0, taken)];
  return select(source, indices, `${source.name} (${part}${draw === 0 ? "" : `, draw ${draw}`})`);
}

/** The 1,000 examples of the final training: the 800 followed by the 200. */
export function cutTrain1000(splits: TaskSplits, draw: Draw): ImageSource {
  return concat([cutPart(splits, "train800", draw), cutPart(splits, "validation200", draw)]);
}

/** The number of images in each part of a task. */
export function partSizes({
  train,
  validation,
  test,
}: {
  train: number;
  validation: number;
  test: number;
}): Record<Part, number> {
  return { train800: Math.min(trainExamples, train), validation200: Math.min(validationExamples, validation), test };
}

/**
 * The benchmark's preprocessing for a network with this input shape: bilinear without antialiasing and without
 * half-pixel centres, ignoring the aspect ratio, the same for training and testing. (task_adaptation's data_loader.py
 * calls `tf.image.resize` of TensorFlow 1, which places pixel i at i * input / output.) The network's own value range
 * is kept. Values are scaled before resizing, which is equivalent in exact arithmetic and keeps fractional pixel
 * values, as the benchmark does.
 *
 * @param own the network's own preprocessing, from which the value range is taken
 */
export function suitePreprocessing([height, width, channels]: readonly [number, number, number], own: string): string {
  const range = [...own.matchAll(/value_range\([^)]*\)/g)].at(-1)?.[0];
  const size = height === width ? `${height}` : `${height},${width}`;
  return [
    channels === 3 ? "decode" : `decode(${channels})`,
    ...(range ? [range] : []),
    `resize(${size},half_pixel_centers=false)`,
  ].join("|");
}
