/**
 * Implements the few-shot protocol: draws k examples per class, fits a classifier, measures it on the whole test set,
 * repeats over seeds.
 */

import { checkFeatures, type Features } from "../../algebra/features.js";
import { type AccuracySummary, summariseAccuracies } from "../../algebra/statistics.js";
import type { Setting } from "../../networks/index.js";
import { numpyGenerator } from "../../random/numpy-generator.js";
import { largest } from "../../text/arrays.js";
import { plural } from "../../text/format.js";
import { type Evaluator, highestScores } from "../evaluators/evaluator.js";
import { ridge } from "../evaluators/ridge.js";

/** Frozen features of a labelled train and test split, and the settings of the protocol. */
export interface FewShotOptions {
  trainFeatures: Features;
  /** One class, 0 … classes - 1, for each row of `trainFeatures`. */
  trainLabels: ArrayLike<number>;
  testFeatures: Features;
  testLabels: ArrayLike<number>;
  classes: number;
  /** Class names for warnings and errors. Default: class numbers. */
  classNames?: readonly string[];
  /** Support sizes per class. Default: 1, 5, 10 and 25. */
  shots?: readonly number[];
  /** One draw of the support per seed. Default: 0, 1 and 2. */
  seeds?: readonly number[];
  /** The evaluator. Default: `ridge`, the published few-shot evaluator. */
  evaluator?: Evaluator;
  /** The evaluator's settings to measure; default: its first, which for the ridge is l2 = 1024. */
  settings?: readonly Setting[];
  threads?: number;
  signal?: AbortSignal;
}

/** Accuracy on the test set of one fitted classifier. */
export interface FewShotResult {
  shots: number;
  seed: number;
  setting: Setting;
  accuracy: number;
  /** Settings that the fit chose itself, such as the C of a logistic regression. */
  chosen?: Setting;
}

/** Accuracy for one number of shots and one setting; the interval is for new examples and new images. */
export interface FewShotSummary extends AccuracySummary {
  shots: number;
  setting: Setting;
}

/** All results, in the order shots, setting, seed. */
export interface FewShotReport {
  results: FewShotResult[];
  summary: FewShotSummary[];
  /** Chance accuracy, 1 / classes. */
  chance: number;
  /** Warnings for a reader of the results, such as classes with fewer examples than shots. */
  warnings: string[];
}

/** The rows of each class, ascending. */
export function indicesByClass(labels: ArrayLike<number>, classes: number): number[][] {
  const indices: number[][] = Array.from({ length: classes }, () => []);
  for (let i = 0; i < labels.length; i++) indices[labels[i]!]!.push(i);
  return indices;
}

/**
 * Draws the order in which each class contributes examples to the support set. The first k of every list are the k-shot
 * support, so larger supports contain the smaller ones (papers.md 6; the same draws as numpy's `default_rng(seed)`).
 */
export function supportOrder(labels: ArrayLike<number>, classes: number, seed: number): number[][] {
  const random = numpyGenerator(seed);
  return indicesByClass(labels, classes).map((indices) => random.permutation(indices));
}

/** The given rows of a feature matrix, in their order. */
export function selectRows(features: Features, rows: readonly number[]): Features {
  const { columns } = features;
  const data =
    features.data instanceof Float64Array
      ? new Float64Array(rows.length * columns)
      : new Float32Array(rows.length * columns);
  rows.forEach((row, i) => {
    data.set(features.data.subarray(row * columns, (row + 1) * columns), i * columns);
  });
  return { data, rows: rows.length, columns };
}

function positiveIntegers(name: string, values: readonly number[]): void {
  if (values.length === 0) throw new Error(`few-shot: ${name} is empty; give at least one`);
  for (const value of values) {
    if (!Number.isInteger(value) || value < 1)
      throw new Error(`few-shot: ${name} contains ${value}; give whole numbers from 1`);
  }
}

/**
 * Evaluates frozen features by few-shot classification. Default evaluator: the ridge of the ViT, BiT and Scaling ViT
 * papers (papers.md 6).
 *
 * Features are [images, width]; accuracies are fractions of the test set. A class with fewer examples than shots uses
 * all of them and is listed in `warnings`. Throws for a class without examples, a label outside the classes and a
 * feature that is not finite.
 *
 * @example const { summary } = await fewShotOnFeatures({ trainFeatures, trainLabels, testFeatures, testLabels, classes:
 * 10, shots: [5, 10] }); summary[0]; // { shots: 5, setting: { l2: 1024 }, mean: 0.62, standardDeviation: 0.04,
 * confidence95: [0.52, 0.72], ... }
 */
export async function fewShotOnFeatures(options: FewShotOptions): Promise<FewShotReport> {
  const { trainFeatures, trainLabels, testFeatures, testLabels, classes } = options;
  const shots = options.shots ?? [1, 5, 10, 25];
  const seeds = options.seeds ?? [0, 1, 2];
  const { evaluator = ridge, threads, signal } = options;
  const settings = options.settings ?? evaluator.settings.slice(0, 1);
  positiveIntegers("classes", [classes]);
  positiveIntegers("shots", shots);
  if (seeds.length === 0 || settings.length === 0) throw new Error("few-shot: give at least one seed and one setting");
  if (classes < 2) throw new Error("few-shot: there is only one class; give a dataset with at least two");
  checkFeatures("train split", trainFeatures, trainLabels, classes);
  checkFeatures("test split", testFeatures, testLabels, classes);
  if (testFeatures.rows === 0) throw new Error("few-shot: the test split is empty; expected at least one image");
  const warnings = supportWarnings(indicesByClass(trainLabels, classes), shots, options.classNames);

  const results: FewShotResult[] = [];
  const summary: FewShotSummary[] = [];
  const orders = seeds.map((seed) => supportOrder(trainLabels, classes, seed));
  for (const count of shots) {
    const supports = orders.map((order) => {
      const rows = order.flatMap((indices) => indices.slice(0, count));
      return { features: selectRows(trainFeatures, rows), labels: rows.map((row) => trainLabels[row]!) };
    });
    for (const setting of settings) {
      const answers: Uint8Array[] = [];
      for (const [i, seed] of seeds.entries()) {
        const { scores, chosen } = await evaluator.fit(supports[i]!, classes, setting, { seed, threads, signal });
        const right = Uint8Array.from(highestScores(await scores(testFeatures)), (guess, row) =>
          guess === testLabels[row] ? 1 : 0,
        );
        answers.push(right);
        const accuracy = right.reduce((sum, one) => sum + one, 0) / right.length;
        results.push({ shots: count, seed, setting, accuracy, chosen });
      }
      summary.push({ shots: count, setting, ...summariseAccuracies(answers) });
    }
  }
  return { results, summary, chance: 1 / classes, warnings };
}

/** A warning for each class with fewer examples than the largest number of shots; throws for a class with none. */
function supportWarnings(byClass: number[][], shots: readonly number[], names?: readonly string[]): string[] {
  const title = (index: number) =>
    names?.[index] === undefined ? `class ${index}` : `class ${index} (${names[index]})`;
  const empty = byClass.flatMap((indices, index) => (indices.length === 0 ? [title(index)] : []));
  if (empty.length > 0) {
    throw new Error(`few-shot: no training example of ${empty.join(", ")}; add some or remove the class`);
  }
  const most = largest(shots);
  return byClass.flatMap((indices, index) =>
    indices.length < most
      ? [`${title(index)} has ${plural(indices.length, "training example")}, fewer than ${most} shots: all are used`]
      : [],
  );
}
