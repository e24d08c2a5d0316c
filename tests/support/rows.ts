/** Rows of a program's representation, and what a classifier's logits come to. */
import { rowOf } from "../../src/algebra/features.js";
import { type Representations, type RowsOfImages, representation } from "../../src/networks/index.js";
import { Scope } from "../../src/nn/index.js";
import { compile, type Program, type Results } from "../../src/runtime/index.js";
import type { PreparedTraining } from "../../src/train/index.js";

/**
 * A program of the evaluation, or of the representation, of prepared training: the traced graph with the parameters as state, without the passes
 * of an export.
 */
export async function evaluating(
  { training, plan }: Pick<PreparedTraining, "training" | "plan">,
  name: "evaluate" | "represent",
  values: Results,
): Promise<Program> {
  const { evaluation, parameters } = training;
  const { evaluationBatchSize: batchSize } = plan.training;
  const run =
    name === "evaluate"
      ? evaluation.evaluate
      : representation({ ...plan.training, batchSize }, Scope.root({ parameters }));
  const program = await compile(
    { state: parameters.map(({ tensor }) => tensor), functions: { run } },
    { inThread: true, threads: 1 },
  );
  await program.writeState(
    Object.fromEntries(Object.entries(evaluation.weights).map(([parameter, kept]) => [parameter, values[kept]!])),
  );
  return program;
}

/** The representation of `evaluating` as imageRows takes it. */
export const representing =
  (program: Program): RowsOfImages =>
  async (feeds) =>
    (await program.run("run", feeds))["preLogits"] as Float32Array;

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
