/** Rows of a program's representation, and what a classifier's logits come to. */
import { rowOf } from "../../src/algebra/features.js";
import type { Representations, RowsOfImages } from "../../src/networks/index.js";
import type { Program } from "../../src/runtime/index.js";

/** `represent` of a training program as imageRows takes it. */
export const representing =
  (program: Program): RowsOfImages =>
  async (feeds) =>
    (await program.run("represent", feeds))["preLogits"] as Float32Array;

/** Accuracy, and the mean cross-entropy in float64, of logits [images, classes]. */
export function scored({ features, labels }: Pick<Representations, "features" | "labels">): {
  accuracy: number;
  loss: number;
} {
  let [right, loss] = [0, 0];
  for (const [row, label] of labels.entries()) {
    const logits = Array.from(rowOf(features, row));
    const highest = logits.reduce((a, b) => Math.max(a, b));
    if (logits.indexOf(highest) === label) right++;
    loss += Math.log(logits.reduce((sum, z) => sum + Math.exp(z - highest), 0)) - (logits[label]! - highest);
  }
  return { accuracy: right / labels.length, loss: loss / labels.length };
}
