/** A fitted classifier as plain numbers over raw features: what is saved, exported and run. */
import type { Features } from "../../algebra/features.js";

/** logits = features kernel + bias. */
export interface LinearHead {
  readonly kind: "linear";
  /** Features it takes. */
  readonly width: number;
  readonly classes: number;
  /** [width, classes], row-major. */
  readonly kernel: Float64Array;
  /** [classes] */
  readonly bias: Float64Array;
}

/**
 * Votes of the k most similar of stored features, by cosine: logits are `sharpness` times the logarithms of each class's share
 * of sum exp(similarity / temperature), so that with a sharpness of 1 their softmax is that share.
 */
export interface NeighbourHead {
  readonly kind: "neighbours";
  readonly width: number;
  readonly classes: number;
  readonly k: number;
  readonly temperature: number;
  readonly sharpness: number;
  /** [rows, width], each row of length 1. */
  readonly bank: Float32Array;
  /** Class of each row. */
  readonly labels: Int32Array;
}

export type Head = LinearHead | NeighbourHead;

/** Values of a method's settings, by name, such as `{ k: 10 }` or `{ learningRate: 0.01, steps: 2500 }`. */
export type Setting = Readonly<Record<string, number>>;

/** Throws unless the features have the width that a head takes. */
export function requireWidth(width: number, features: Features): void {
  if (features.columns === width) return;
  throw new Error(
    `a classifier fitted on ${width} features was given features of width ${features.columns}; use the backbone it was fitted on`,
  );
}
