/**
 * Fits a classifier to a labelled set of features: chooses among evaluators by cross-validation, and says what accuracy to
 * expect of images that neither the choice nor the fit has seen.
 */

import { checkFeatures, type Features, type LabelledFeatures } from "../../algebra/features.js";
import { wilsonInterval } from "../../algebra/statistics.js";
import type { Head, Setting } from "../../networks/index.js";
import { closedFormEvaluators, type Evaluator, highestScores } from "../evaluators/index.js";
import { calibration, scaledHead } from "./calibrate.js";
import { copiesOf, type Fold, foldsOf, selected } from "./folds.js";

export interface FitOptions {
  /** To choose among; those in closed form when left out. */
  readonly evaluators?: readonly Evaluator[];
  /** Parts of cross-validation; 5 when left out. */
  readonly folds?: number;
  /** Folds, and whatever an evaluator draws, follow from it; 0 when left out. */
  readonly seed?: number;
  readonly threads?: number;
  /** Ends it between two fits, and then throws the signal's reason. */
  readonly signal?: AbortSignal;
  /** Told how many fits are done. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** An evaluator at one of its settings, and how well it did. */
export interface Candidate {
  readonly evaluator: Evaluator;
  readonly setting: Setting;
  /** Share of images named rightly by cross-validation; of the one chosen a little too high, because it was chosen by it. */
  readonly accuracy: number;
}

/** What to expect of new images. */
export interface Expectation {
  readonly accuracy: number;
  /** Wilson's interval of `right` of `images`. */
  readonly confidence95: readonly [number, number];
  readonly right: number;
  /** Images that were named by a classifier chosen and fitted without them. */
  readonly images: number;
  readonly method: "nested cross-validation" | "held out";
  readonly folds: number;
}

/** One image as it was named without having been seen. */
export interface Named {
  /** Row of the features. */
  readonly row: number;
  readonly guess: number;
  /** 0 to 1, after calibration. */
  readonly probability: number;
}

export interface FittedClassifier {
  /** Fitted to all images; the softmax of its scores is its probabilities. */
  readonly head: Head;
  readonly chosen: Candidate;
  /** What the chosen evaluator chose in its turn, such as an l2. */
  readonly chosenByItself: Setting | undefined;
  /** All that were tried, best first. */
  readonly candidates: readonly Candidate[];
  readonly expected: Expectation;
  /** [classes, classes]: images of a class (row) by what they were named (column), in the measurement of `expected`. */
  readonly confusion: Int32Array;
  readonly named: readonly Named[];
  /** Rows that are a copy of another: [copy, first]. */
  readonly copies: readonly (readonly [number, number])[];
  /** The factor by which scores were multiplied. */
  readonly calibration: number;
}

/**
 * Up to so many images the whole choice is repeated in every fold (nested cross-validation), so that every image counts;
 * above it a fifth of them says enough: 200 images have an interval of about plus and minus 6 points.
 */
const nestedUpTo = 1000;

interface Chosen {
  readonly best: Candidate;
  readonly candidates: readonly Candidate[];
  /** Scores of the best candidate for the rows it named. */
  readonly scores: Features;
  readonly rows: readonly number[];
}

/**
 * Chooses, fits and measures. `classes` counts the classes of the labels.
 *
 * Throws when there are fewer than two classes, when no class has two different images (nothing could be measured), and what
 * the evaluators throw.
 *
 * @example
 * const { features, labels } = await backboneFeatures(backbone, source);
 * const { head, expected } = await fitClassifier({ features, labels }, source.classNames.length);
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
  if (present.size < 2)
    throw new Error("there is one class only, nothing to tell apart; give images of two classes or more");
  if (!Number.isInteger(folds) || folds < 2) throw new Error(`${folds} folds: give a whole number from 2`);
  if (evaluators.length === 0) throw new Error("no evaluator to choose among; give at least one");
  const tried = evaluators.flatMap((evaluator) => evaluator.settings.map((setting) => ({ evaluator, setting })));
  const groups = copiesOf(features);
  const all = Array.from({ length: features.rows }, (_, row) => row);
  const outer = foldsOf(labels, groups, all, folds, seed);
  if (outer.length === 0) {
    throw new Error(
      "no class has two different images, so nothing could be measured; give each class two images or more",
    );
  }
  const nested = features.rows <= nestedUpTo;
  const measured = nested ? outer : outer.slice(0, 1);
  const context = { seed, signal, threads };

  const innerFolds = ({ train }: Fold) => {
    const inner = foldsOf(labels, groups, train, folds, seed + 1);
    return nested ? inner : inner.slice(0, 1);
  };
  const total =
    measured.reduce((sum, fold) => sum + innerFolds(fold).length * tried.length + 1, 0) +
    (nested ? outer.length * tried.length : 0) +
    1;
  let done = 0;
  const fitOn = async ({ evaluator, setting }: Pick<Candidate, "evaluator" | "setting">, rows: readonly number[]) => {
    signal?.throwIfAborted();
    const fitted = await evaluator.fit(selected(data, rows), classes, setting, context);
    // the thread is free for a progress line and for Ctrl-C between two fits
    await new Promise((resolve) => setImmediate(resolve));
    onProgress?.(++done, total);
    return fitted;
  };

  const choose = async (parts: readonly Fold[]): Promise<Chosen> => {
    const rows = parts.flatMap(({ test }) => test);
    let chosen: Chosen | undefined;
    const candidates: Candidate[] = [];
    for (const one of tried) {
      const scores = new Float64Array(rows.length * classes);
      let at = 0;
      for (const { train, test } of parts) {
        const found = await (await fitOn(one, train)).scores(selected(data, test).features);
        scores.set(found.data, at);
        at += found.data.length;
      }
      const given = { data: scores, rows: rows.length, columns: classes };
      const guesses = highestScores(given);
      const right = rows.filter((row, i) => guesses[i] === labels[row]).length;
      const candidate = { ...one, accuracy: rows.length === 0 ? 0 : right / rows.length };
      candidates.push(candidate);
      // of equals the first, which is the usual one
      if (!chosen || candidate.accuracy > chosen.best.accuracy)
        chosen = { best: candidate, candidates, scores: given, rows };
    }
    return chosen!;
  };

  const guesses = new Map<number, Float64Array>();
  let last: Chosen | undefined;
  for (const fold of measured) {
    // with so few images that none can be spared within a fold, the usual candidate is taken
    const inner = innerFolds(fold);
    last = await choose(inner);
    const fitted = await fitOn(last.best, fold.train);
    const { data: scores } = await fitted.scores(selected(data, fold.test).features);
    for (const [i, row] of fold.test.entries()) {
      guesses.set(row, Float64Array.from(scores.subarray(i * classes, (i + 1) * classes)));
    }
  }
  const chosen = nested ? await choose(outer) : last!;
  const fitted = await fitOn(chosen.best, all);
  const factor =
    chosen.rows.length === 0
      ? 1
      : calibration(
          chosen.scores,
          Int32Array.from(chosen.rows, (row) => labels[row]!),
        );

  const confusion = new Int32Array(classes * classes);
  const named: Named[] = [];
  for (const [row, scores] of [...guesses].sort(([a], [b]) => a - b)) {
    const guess = highestScores({ data: scores, rows: 1, columns: classes })[0]!;
    confusion[labels[row]! * classes + guess]!++;
    named.push({ row, guess, probability: probabilityOf(scores, guess, factor) });
  }
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

function probabilityOf(scores: Float64Array, guess: number, factor: number): number {
  let sum = 0;
  for (const score of scores) sum += Math.exp(factor * (score - scores[guess]!));
  return 1 / sum;
}
