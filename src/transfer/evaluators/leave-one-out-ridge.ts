/**
 * Ridge regression whose l2 is selected by leave-one-out cross-validation, in closed form.
 *
 * With the smoother H(l2) = X (X^T X + l2 I)^-1 X^T, the prediction for row i of a ridge fitted without row i is y_i -
 * (y_i - (H Y)_i) / (1 - H_ii) (Allen's PRESS; Golub, Heath and Wahba, Technometrics 21, 1979). One eigen-decomposition
 * gives H Y and the diagonal of H for every l2. All rows are used for the standardisation.
 */

import { symmetricEigen } from "../../algebra/eigen.js";
import { checkFeatures } from "../../algebra/features.js";
import { type Matrix, transpose, zeros } from "../../algebra/matrix.js";
import { gram, type ProductOptions, product } from "../../algebra/products.js";
import { headScores } from "../../networks/index.js";
import {
  type RidgeOptions,
  type RidgeSystem,
  ridgeOf,
  ridgePath,
  ridgeSystem,
  targetMatrix,
} from "./closed-form-ridge.js";
import { accuracyOf, type Evaluator } from "./evaluator.js";
import { headOfRidge } from "./ridge.js";

/** Candidate strengths: 2^-2 to 2^20 in steps of 4, around the published 2^10 (papers.md 6). */
export const strengths: readonly number[] = Array.from({ length: 12 }, (_, i) => 2 ** (2 * i - 2));

/** The leave-one-out result of one l2. */
export interface LeaveOneOut {
  readonly l2: number;
  /** Scores [rows, classes] of each row by a ridge that was fitted without it. */
  readonly scores: Matrix;
  /** Accuracy over the rows. */
  readonly accuracy: number;
  /** Mean squared difference of target and score, over rows and classes. */
  readonly error: number;
}

export const leaveOneOutRidge: Evaluator = {
  name: "ridge-loo",
  title: "ridge regression, l2 by leaving one out",
  settings: [{}],
  fit: async ({ features, labels }, classes, _, { threads }) => {
    const options = { threads };
    const { best, weights, system } = await leaveOneOut({ features, labels, classes }, strengths, options);
    const head = headOfRidge(ridgeOf(system, weights(best.l2), best.l2));
    return { head, chosen: { l2: best.l2 }, scores: (queries) => headScores(head, queries, options) };
  },
};

/**
 * The leave-one-out result of every strength, the best of them, and the weights for any l2. Throws as
 * `ridgeClassifier`.
 */
export async function leaveOneOut(
  support: Pick<RidgeOptions, "features" | "labels" | "classes" | "form">,
  candidates: readonly number[],
  options: ProductOptions = {},
): Promise<{
  readonly all: readonly LeaveOneOut[];
  readonly best: LeaveOneOut;
  readonly system: RidgeSystem;
  readonly weights: (l2: number) => Matrix;
}> {
  checkFeatures("support set", support.features, support.labels, support.classes);
  const system = ridgeSystem(support);
  const primal = system.form === "primal";
  const eigen = symmetricEigen(await gram(system.design, primal ? "columns" : "rows", options));
  // H = B diag(g) B^T: in the dual form B holds the eigenvectors of X X^T, in the primal form X times those of X^T X.
  const vectors = transpose(eigen.vectors);
  const basis = primal ? await product(system.design, vectors, options) : vectors;
  const targets = targetMatrix(support.labels, support.classes);
  const projected = await product(transpose(basis), targets, options);
  const all: LeaveOneOut[] = [];
  for (const l2 of candidates) {
    const gains = eigen.values.map((value) => (primal ? 1 : value) / (value + l2));
    all.push(await leftOut(l2, basis, gains, projected, targets, support.labels, options));
  }
  const best = all.reduce((a, b) => (b.error < a.error ? b : a));
  return { all, best, system, weights: ridgePath(system, eigen) };
}

async function leftOut(
  l2: number,
  basis: Matrix,
  gains: Float64Array,
  projected: Matrix,
  targets: Matrix,
  labels: ArrayLike<number>,
  options: ProductOptions,
): Promise<LeaveOneOut> {
  const { rows, columns: classes } = targets;
  const scaled = zeros(projected.rows, classes);
  for (let at = 0; at < scaled.data.length; at++) {
    scaled.data[at] = projected.data[at]! * gains[Math.floor(at / classes)]!;
  }
  const scores = await product(basis, scaled, options);
  let squares = 0;
  for (let i = 0; i < rows; i++) {
    let leverage = 0;
    for (let j = 0; j < basis.columns; j++) leverage += basis.data[i * basis.columns + j]! ** 2 * gains[j]!;
    for (let at = i * classes; at < (i + 1) * classes; at++) {
      const residual = (targets.data[at]! - scores.data[at]!) / (1 - leverage);
      scores.data[at] = targets.data[at]! - residual;
      squares += residual ** 2;
    }
  }
  return { l2, scores, accuracy: accuracyOf(scores, labels), error: squares / scores.data.length };
}
