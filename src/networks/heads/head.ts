/** Defines the head of a fitted classifier as numbers over raw features, to be saved, exported and run. */
import type { Features } from "../../algebra/features.js";

/** logits = features kernel + bias. */
export interface LinearHead {
  readonly kind: "linear";
  /** Width of the features. */
  readonly width: number;
  readonly classes: number;
  /** [width, classes], row-major. */
  readonly kernel: Float64Array;
  /** [classes] */
  readonly bias: Float64Array;
}

/**
 * Weighted votes of the k nearest stored features, by cosine similarity. A class's share of the votes is its share of
 * sum exp(similarity / temperature). Logits are `sharpness` times the logarithms of the shares, so that with a
 * sharpness of 1 their softmax is the shares.
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

/** Throws unless the features have the width of a head. */
export function requireWidth(width: number, features: Features): void {
  if (features.columns === width) return;
  throw new Error(
    `the classifier was fitted on features of width ${width}; given features of width ${features.columns}; use the backbone it was fitted on`,
  );
}
