/**
 * What objectives share that make a task of the images themselves: no labels, no head of the network's own, and several
 * pictures of one image stacked below each other by the preprocessing.
 */
import { argmax } from "../../algebra/argmax.js";
import type { Batch } from "../../data/index.js";
import { reshape, type Tensor } from "../../graph/index.js";
import type { ModelConfig } from "../../models/index.js";
import type { ObjectiveKind } from "./objective.js";

/** Reads one stream, and leaves the network's head away. */
export const withoutLabels: Pick<ObjectiveKind<unknown>, "streams" | "headClasses" | "probabilities"> = {
  streams: ["train"],
  headClasses: () => 0,
  probabilities: undefined,
};

/** Throws RangeError unless the network gives one row of features an image. */
export function requirePooled(objective: string, model: ModelConfig): void {
  if (model.family !== "vit" || model.pooling !== "none") return;
  throw new RangeError(
    `the objective "${objective}" reads one row of features an image, and this network does not pool; set model.pooling to gap, map or tok`,
  );
}

/** Pictures of one image that lie below each other. */
export interface Stack {
  readonly count: number;
  /** What makes them, for messages: `views(8, "...")`. */
  readonly op: string;
}

/**
 * Throws unless the images of a batch are of the sides the objective was built for: `stack.count` pictures of
 * [height, width, channels] below each other.
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
  const made = count === 1 ? "" : `, ${count} pictures of ${height} x ${width} below each other`;
  const hint = count === 1 ? "make the preprocessing and model.imageSize agree" : `end the preprocessing in ${op}`;
  throw new Error(
    `the objective "${objective}" takes images of ${wanted.join(" x ")}${made}, and got ${given}; ${hint}`,
  );
}

/** The single pictures [N count, H, W, C] of stacks [N, count H, W, C], those of one image together. */
export function unstacked(image: Tensor, count: number): Tensor {
  const [n, height, width, channels] = image.shape as [number, number, number, number];
  return reshape(image, [n * count, height / count, width, channels]);
}

/** A row of logits [classes] that stands for one question about one image. */
export interface Question {
  readonly image: number;
  readonly row: number;
  readonly answer: number;
}

/** The share of its questions that each of `images` images answers right: where the highest logit (the first of equals) is the answer. */
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
