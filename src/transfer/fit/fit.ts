/**
 * Fits a classifier to labelled features: selects an evaluator by cross-validation, and estimates the accuracy on
 * images that neither the selection nor the fit has seen.
 */

import { checkFeatures, type LabelledFeatures } from "../../algebra/features.js";
import { wilsonInterval } from "../../algebra/statistics.js";
import type { Head, Setting } from "../../networks/index.js";
import { closedFormEvaluators, type Evaluator, highestScores } from "../evaluators/index.js";
import { calibration, scaledHead } from "./calibrate.js";
import { copiesOf, type Fold, foldsOf, selected } from "./folds.js";
import { type Candidate, type Selected, Selection } from "./selection.js";

export interface FitOptions {
  /** Candidates. Default: the evaluators in closed form. */
  readonly evaluators?: readonly Evaluator[];
  /** Folds of the cross-validation. Default: 5. */
  readonly folds?: number;
  /** Seed of the folds and of the evaluators' random draws. Default: 0. */
  readonly seed?: number;
  readonly threads?: number;
  /** Stops between two fits, which then throws the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called with the number of finished fits. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** The expected accuracy on new images. */
export interface Expectation {
  readonly accuracy: number;
  /** Wilson's interval of `right` of `images`. */
  readonly confidence95: readonly [number, number];
  readonly right: number;
  /** Number of images in the measurement, each classified by a classifier selected and fitted without it. */
  readonly images: number;
  readonly method: "nested cross-validation" | "held out";
  readonly folds: number;
}

/** The prediction for one held-out image. */
export interface Named {
  /** Row of the features. */
  readonly row: number;
  readonly guess: number;
  /** 0 to 1, after calibration. */
  readonly probability: number;
}

export interface FittedClassifier {
  /** Fitted to all images; the softmax of its scores are the probabilities. */
  readonly head: Head;
  readonly chosen: Candidate;
  /** Settings that the selected evaluator chose itself, such as an l2. */
  readonly chosenByItself: Setting | undefined;
  /** All candidates, best first. */
  readonly candidates: readonly Candidate[];
  readonly expected: Expectation;
  /** Confusion matrix of the measurement of `expected`, [classes, classes]; rows: true class, columns: predicted class. */
  readonly confusion: Int32Array;
  readonly named: readonly Named[];
  /** Rows that duplicate another: [duplicate, first]. */
  readonly copies: readonly (readonly [number, number])[];
  /** The factor on the scores: the inverse of the temperature. */
  readonly calibration: number;
}

/**
 * Up to this many images, the whole selection is repeated in every fold (nested cross-validation), so that every image
 * is measured. Above it, a fifth of the images is enough: 200 images have an interval of about plus and minus 6 points.
 */
const nestedUpTo = 1000;

/**
 * Selects, fits and measures a classifier. `classes` is the number of classes of the labels.
 *
 * Throws when there are fewer than two classes, when no class has two different images (so that nothing can be
 * measured), and what the evaluators throw.
 *
 * @example const { features, labels } = await backboneFeatures(backbone, source); const { head, expected } = await
 * fitClassifier({ features, labels }, source.classNames.length);
 */
export async function fitClassifier(
  data: LabelledFeatures,
  classes: number,
  options: FitOptions = {},
): Promise<FittedClassifier> {
  const { evaluators = closedFormEvaluators, folds = 5, seed = 0, signal, onProgress, threads } = options;
  const { features, labels } = data;
  checkFeatures("training set", features, labels, classes);
  const present = new Set(Array.from(labels));
  if (present.size < 2) throw new Error("there is only one class; give images of at least two classes");
  if (!Number.isInteger(folds) || folds < 2) throw new Error(`folds is ${folds}; give a whole number from 2`);
  if (evaluators.length === 0) throw new Error("no evaluators; expected at least one");
  const groups = copiesOf(features);
  const all = Array.from({ length: features.rows }, (_, row) => row);
  const outer = foldsOf(labels, groups, all, folds, seed);
  if (outer.length === 0) {
    throw new Error(
      "no class has two different images, so accuracy cannot be measured; give each class at least two images",
    );
  }
  const nested = features.rows <= nestedUpTo;
  const measured = nested ? outer : outer.slice(0, 1);
  const innerFolds = ({ train }: Fold): readonly Fold[] => {
    const inner = foldsOf(labels, groups, train, folds, seed + 1);
    return nested ? inner : inner.slice(0, 1);
  };
  let done = 0;
  const selection = new Selection(data, classes, evaluators, { seed, signal, threads }, () =>
    onProgress?.(++done, total),
  );
  const total =
    measured.reduce((sum, fold) => sum + innerFolds(fold).length * selection.candidateCount + 1, 0) +
    (nested ? outer.length * selection.candidateCount : 0) +
    1;

  const { scores: measuredScores, last } = await scoresOf(selection, data, measured, innerFolds);
  const chosen = nested ? await selection.select(outer) : last;
  const fitted = await selection.fit(chosen.best, all);
  const factor = chosen.rows.length === 0 ? 1 : calibration(chosen.scores, labelsOf(labels, chosen.rows));
  const { confusion, named } = confusionOf(measuredScores, labels, classes, factor);
  const right = named.filter(({ row, guess }) => guess === labels[row]).length;
  return {
    head: scaledHead(fitted.head, factor),
    chosen: chosen.best,
    chosenByItself: fitted.chosen,
    candidates: [...chosen.candidates].sort((a, b) => b.accuracy - a.accuracy),
    expected: {
      accuracy: right / named.length,
      confidence95: wilsonInterval(right, named.length),
      right,
      images: named.length,
      method: nested ? "nested cross-validation" : "held out",
      folds: measured.length,
    },
    confusion,
    named,
    copies: all.flatMap((row) => (groups[row] === row ? [] : [[row, groups[row]!] as const])),
    calibration: factor,
  };
}

/**
 * Scores of the test rows of each fold, by a candidate selected and fitted without them, and the last selection. If
 * there are too few images to hold any out within a fold, the candidate is the default.
 */
async function scoresOf(
  selection: Selection,
  data: LabelledFeatures,
  folds: readonly Fold[],
  innerFolds: (fold: Fold) => readonly Fold[],
): Promise<{ readonly scores: ReadonlyMap<number, Float64Array>; readonly last: Selected }> {
  const scores = new Map<number, Float64Array>();
  let last: Selected | undefined;
  for (const fold of folds) {
    last = await selection.select(innerFolds(fold));
    const fitted = await selection.fit(last.best, fold.train);
    const found = await fitted.scores(selected(data, fold.test).features);
    for (const [i, row] of fold.test.entries()) {
      scores.set(row, Float64Array.from(found.data.subarray(i * found.columns, (i + 1) * found.columns)));
    }
  }
  if (!last) throw new RangeError("no fold to measure on");
  return { scores, last };
}

const labelsOf = (labels: ArrayLike<number>, rows: readonly number[]): Int32Array =>
  Int32Array.from(rows, (row) => labels[row] ?? 0);

/** The most probable class of every measured row, and the confusion matrix of true and predicted classes. */
function confusionOf(
  measured: ReadonlyMap<number, Float64Array>,
  labels: ArrayLike<number>,
  classes: number,
  factor: number,
): { readonly confusion: Int32Array; readonly named: readonly Named[] } {
  const confusion = new Int32Array(classes * classes);
  const named: Named[] = [];
  for (const [row, scores] of [...measured].sort(([a], [b]) => a - b)) {
    const guess = highestScores({ data: scores, rows: 1, columns: classes })[0]!;
    confusion[labels[row]! * classes + guess]!++;
    named.push({ row, guess, probability: probabilityOf(scores, guess, factor) });
  }
  return { confusion, named };
}

function probabilityOf(scores: Float64Array, guess: number, factor: number): number {
  let sum = 0;
  for (const score of scores) sum += Math.exp(factor * (score - scores[guess]!));
  return 1 / sum;
}
