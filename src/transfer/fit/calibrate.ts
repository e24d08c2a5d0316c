/** Temperature scaling: finds one factor with which the softmax of a classifier's scores matches its accuracy. */

import type { Features } from "../../algebra/features.js";
import type { Head } from "../../networks/index.js";

/**
 * Bounds of the search, as the natural logarithm of the factor: scores may be up to a hundred thousand times too small
 * or too large.
 */
const widest = Math.log(1e5);

/**
 * The factor on scores that minimises the negative log likelihood of the labels (Guo et al., arXiv:1706.04599, section
 * 4.2, whose temperature is its inverse), by golden-section search. Scores must be of images that the classifier was
 * not fitted to.
 */
export function calibration({ data, rows, columns }: Features, labels: ArrayLike<number>): number {
  const loss = (logFactor: number): number => {
    const factor = Math.exp(logFactor);
    let total = 0;
    for (let row = 0; row < rows; row++) {
      const scores = data.subarray(row * columns, (row + 1) * columns);
      let highest = Number.NEGATIVE_INFINITY;
      for (const score of scores) highest = Math.max(highest, score);
      let sum = 0;
      for (const score of scores) sum += Math.exp(factor * (score - highest));
      total += Math.log(sum) - factor * (scores[labels[row]!]! - highest);
    }
    return total / rows;
  };
  const golden = (Math.sqrt(5) - 1) / 2;
  let [low, high] = [-widest, widest];
  let [left, right] = [high - golden * (high - low), low + golden * (high - low)];
  let [atLeft, atRight] = [loss(left), loss(right)];
  // 60 iterations shrink the interval by a factor of about 10^12
  for (let i = 0; i < 60; i++) {
    if (atLeft <= atRight) {
      [high, right, atRight] = [right, left, atLeft];
      left = high - golden * (high - low);
      atLeft = loss(left);
    } else {
      [low, left, atLeft] = [left, right, atRight];
      right = low + golden * (high - low);
      atRight = loss(right);
    }
  }
  return Math.exp((low + high) / 2);
}

/** The head with its scores multiplied by a factor. */
export function scaledHead(head: Head, factor: number): Head {
  if (head.kind === "neighbours") return { ...head, sharpness: head.sharpness * factor };
  return { ...head, kernel: head.kernel.map((x) => x * factor), bias: head.bias.map((x) => x * factor) };
}
