/**
 * Shared parts of self-supervised pretext tasks: they use no labels and no head of the network, and the preprocessing
 * stacks several views of an image vertically.
 */
import { argmax } from "../../algebra/argmax.js";
import type { Batch } from "../../data/index.js";
import { reshape, type Tensor } from "../../graph/index.js";
import type { ModelConfig } from "../../models/index.js";
import type { ObjectiveKind } from "./objective.js";

/** Reads one stream and omits the network's head. */
export const withoutLabels: Pick<ObjectiveKind<unknown>, "streams" | "headClasses" | "probabilities"> = {
  streams: ["train"],
  headClasses: () => 0,
  probabilities: undefined,
};

/** Throws RangeError unless the network gives one feature vector per image. */
export function requirePooled(objective: string, model: ModelConfig): void {
  if (model.family !== "vit" || model.pooling !== "none") return;
  throw new RangeError(
    `the objective "${objective}" needs one feature vector per image, but this network does not pool; set model.pooling to gap, map or tok`,
  );
}

/** Views of one image that are stacked vertically. */
export interface Stack {
  readonly count: number;
  /** The preprocessing operation that makes them, for messages: `views(8, "...")`. */
  readonly op: string;
}

/**
 * Throws unless the images of a batch have the sides the objective was built for: `stack.count` views of [height,
 * width, channels], stacked vertically.
 */
export function requireImages(
  objective: string,
  { shape }: Pick<Batch, "shape">,
  [height, width, channels]: readonly [number, number, number],
  { count, op }: Stack = { count: 1, op: "" },
): void {
  const wanted = [count * height, width, channels];
  if (wanted.every((side, i) => side === shape[i + 1])) return;
  const given = shape.slice(1).join(" x ");
  const made = count === 1 ? "" : `, ${count} stacked views of ${height} x ${width}`;
  const hint = count === 1 ? "make the preprocessing and model.imageSize agree" : `end the preprocessing in ${op}`;
  throw new Error(
    `the objective "${objective}" expects images of ${wanted.join(" x ")}${made}; given ${given}; ${hint}`,
  );
}

/** Splits stacks [N, count H, W, C] into single views [N count, H, W, C]; the views of an image are consecutive. */
export function unstacked(image: Tensor, count: number): Tensor {
  const [n, height, width, channels] = image.shape as [number, number, number, number];
  return reshape(image, [n * count, height / count, width, channels]);
}

/** Logits [classes] of one question about one image, and its answer. */
export interface Question {
  readonly image: number;
  readonly row: number;
  readonly answer: number;
}

/**
 * For each of `images` images, the fraction of its questions whose highest logit (the first of equals) is the answer.
 */
export function shareRight(
  logits: Float32Array,
  classes: number,
  images: number,
  questions: Iterable<Question>,
): Float32Array {
  const right = new Float32Array(images);
  const asked = new Float32Array(images);
  for (const { image, row, answer } of questions) {
    asked[image]!++;
    if (argmax(logits.subarray(row * classes, (row + 1) * classes)) === answer) right[image]!++;
  }
  return right.map((count, i) => count / asked[i]!);
}
