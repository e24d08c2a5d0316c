/**
 * Multinomial logistic regression with an L2 penalty, minimised by L-BFGS: the linear evaluation of Kornblith et al.
 * (arXiv:1805.08974), SimCLR (arXiv:2002.05709, appendix B.8) and DINOv2 (arXiv:2304.07193). C is the inverse strength
 * of the penalty, as in scikit-learn. It is one of 45 values from 1e-6 to 1e5, evenly spaced in the logarithm, and is
 * selected on a held-out tenth of the examples; the final fit uses all examples (facebookresearch/dinov2,
 * dinov2/eval/log_regression.py: at most 1,000 iterations, in float64).
 *
 * Differences, for few-shot sets: the tenth is drawn class by class and contains at least one example of every class
 * that has two. If it has fewer than 100 examples, further tenths are held out in turn until 100 or all examples have
 * been. If no class has two examples, C is 1.
 */
import { symmetricEigen } from "../../algebra/eigen.js";
import { checkFeatures, type Features, type LabelledFeatures } from "../../algebra/features.js";
import { minimise } from "../../algebra/lbfgs.js";
import { type Matrix, multiply, transpose, zeros } from "../../algebra/matrix.js";
import { gram, product } from "../../algebra/products.js";
import { headScores, type LinearHead } from "../../networks/index.js";
import { numpyGenerator } from "../../random/numpy-generator.js";
import { largest } from "../../text/arrays.js";
import { accuracyOf, type Evaluator, type FitContext } from "./evaluator.js";
import { openLogisticLoss } from "./logistic-loss.js";

/** The 45 values of C: 10 to the power of -6, -5.75, ..., 5. */
export const inverseStrengths: readonly number[] = Array.from({ length: 45 }, (_, i) => 10 ** (-6 + (11 * i) / 44));

/** C without examples for selection: the middle of the values, and scikit-learn's default. */
const defaultC = 1;
const heldOutShare = 0.1;
/** Number of held-out examples from which one tenth is enough for the selection. */
const enoughHeldOut = 100;

export const logistic: Evaluator = {
  name: "logistic",
  title: "logistic regression by L-BFGS, C chosen on held-out examples",
  settings: [{}],
  settingNames: ["c"],
  fit: async (train, classes, { c: given }, context) => {
    checkFeatures("training set", train.features, train.labels, classes);
    if (train.features.rows === 0) throw new Error("the training set has no examples; give at least one of each class");
    if (given !== undefined && !(given > 0 && Number.isFinite(given)))
      throw new Error(`logistic: c is ${given}; give a number above 0`);
    const c = given ?? (await chooseC(train, classes, context)) ?? defaultC;
    const [head] = await fitPath(train, classes, [c], tolerance.kept, context);
    const { threads } = context;
    return { head: head!, chosen: { c }, scores: (queries) => headScores(head!, queries, { threads }) };
  },
};

/**
 * The C whose fits classify most of the held-out rows correctly, the smallest of equals; undefined if nothing can be
 * held out.
 */
async function chooseC(
  { features, labels }: LabelledFeatures,
  classes: number,
  context: FitContext,
): Promise<number | undefined> {
  const parts = heldOutParts(labels, classes, context.seed);
  if (parts.length === 0) return undefined;
  const part = (rows: readonly number[]) => ({
    features: rowsOf(features, rows),
    labels: rows.map((row) => labels[row]!),
  });
  const right = inverseStrengths.map(() => 0);
  for (const held of parts) {
    const isHeld = new Set(held);
    const kept = Array.from({ length: features.rows }, (_, row) => row).filter((row) => !isHeld.has(row));
    const validation = part(held);
    for (const [i, head] of (
      await fitPath(part(kept), classes, inverseStrengths, tolerance.choosing, context)
    ).entries()) {
      const scores = await headScores(head, validation.features, { threads: context.threads });
      right[i]! += held.length * accuracyOf(scores, validation.labels);
    }
  }
  // rounded, because fractions of images are not exact
  const counts = right.map(Math.round);
  return inverseStrengths[counts.indexOf(largest(counts))];
}

/**
 * The rows held out for the selection, ascending, as one list for each fit: a tenth of each class, at least one row of
 * a class that has two, drawn by the seed; further tenths while fewer than 100 rows have been held out. Empty if no
 * class has two rows.
 */
export function heldOutParts(labels: ArrayLike<number>, classes: number, seed: number): number[][] {
  const random = numpyGenerator(seed);
  const byClass = Array.from({ length: classes }, (): number[] => []);
  for (let row = 0; row < labels.length; row++) byClass[labels[row]!]!.push(row);
  const tenths = byClass
    .filter((rows) => rows.length >= 2)
    .map((rows) => ({
      order: random.permutation(rows),
      count: Math.max(1, Math.floor(heldOutShare * rows.length)),
    }));
  const parts: number[][] = [];
  for (let heldOut = 0; heldOut < enoughHeldOut; ) {
    const at = parts.length;
    const part = tenths.flatMap(({ order, count }) =>
      (at + 1) * count <= order.length ? order.slice(at * count, (at + 1) * count) : [],
    );
    if (part.length === 0) break;
    parts.push(part.sort((a, b) => a - b));
    heldOut += part.length;
  }
  return parts;
}

function rowsOf({ data, columns }: Features, rows: readonly number[]): Features {
  const out = new Float64Array(rows.length * columns);
  for (const [i, row] of rows.entries()) out.set(data.subarray(row * columns, (row + 1) * columns), i * columns);
  return { data: out, rows: rows.length, columns };
}

/** Largest entry of the gradient at which a fit stops: during the selection, and for the final fit. */
const tolerance = { choosing: 1e-6, kept: 1e-8 };

/** The fits for ascending values of C, each initialised with the result of the previous one. */
async function fitPath(
  { features, labels }: LabelledFeatures,
  classes: number,
  values: readonly number[],
  gradientTolerance: number,
  { signal, threads }: FitContext,
): Promise<LinearHead[]> {
  const { design, mean, toWidth } = await reducedDesign(features, threads);
  await using loss = await openLogisticLoss(design, labels, classes, threads);
  const heads: LinearHead[] = [];
  let start: Float64Array = new Float64Array((design.columns + 1) * classes);
  for (const c of values) {
    const { point } = await minimise((at) => loss.at(at, c), start, { gradientTolerance, signal });
    start = point;
    const size = design.columns * classes;
    const kernel = toWidth({ data: point.slice(0, size), rows: design.columns, columns: classes });
    const bias = point.slice(size);
    for (let j = 0; j < mean.length; j++)
      for (let k = 0; k < classes; k++) bias[k]! -= mean[j]! * kernel.data[j * classes + k]!;
    heads.push({ kind: "linear", width: features.columns, classes, kernel: kernel.data, bias });
  }
  return heads;
}

/** Eigenvalues below this fraction of the largest are rounding errors. */
const smallestEigenvalue = 1e-13;

/**
 * Centred features; the mean only shifts the bias. With fewer rows than features, the minimum lies in the space spanned
 * by the rows, so coordinates of that space are used: X - mean = U sqrt(S) V^T, and the weights are V times those over
 * U sqrt(S), with the same norm.
 */
async function reducedDesign(
  { data, rows, columns }: Features,
  threads: number | undefined,
): Promise<{
  readonly design: Matrix;
  readonly mean: Float64Array;
  readonly toWidth: (weights: Matrix) => Matrix;
}> {
  const mean = new Float64Array(columns);
  for (let i = 0; i < data.length; i++) mean[i % columns]! += data[i]! / rows;
  const centred = zeros(rows, columns);
  for (let i = 0; i < data.length; i++) centred.data[i] = data[i]! - mean[i % columns]!;
  if (rows >= columns) return { design: centred, mean, toWidth: (weights) => weights };
  const { values, vectors } = symmetricEigen(await gram(centred, "rows", { threads }));
  const most = largest(values);
  const kept = [...values.keys()].filter((i) => values[i]! > smallestEigenvalue * most);
  // at least one direction, of zeros, so that the matrix is not empty
  const used = kept.length > 0 ? kept : [0];
  const design = zeros(rows, used.length);
  const scaled = zeros(used.length, rows);
  for (const [k, i] of used.entries()) {
    const root = Math.sqrt(Math.max(values[i]!, 0));
    for (let row = 0; row < rows; row++) {
      const entry = vectors.data[i * rows + row]!;
      design.data[row * used.length + k] = entry * root;
      scaled.data[k * rows + row] = root > 0 ? entry / root : 0;
    }
  }
  // V = X^T U / sqrt(S), [columns, used]
  const basis = transpose(await product(scaled, centred, { threads }));
  return { design, mean, toWidth: (weights) => multiply(basis, weights) };
}
