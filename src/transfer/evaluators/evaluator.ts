/** Defines the interface of evaluators, which fit classifiers to frozen features. */

import type { Features, LabelledFeatures } from "../../algebra/features.js";
import type { Head, Setting } from "../../networks/index.js";

/** The settings of a fit besides its data. */
export interface FitContext {
  /** Seed of all random draws. */
  readonly seed: number;
  /** Stops a long fit, which then throws the signal's reason. */
  readonly signal?: AbortSignal;
  /** Threads of the runtime. Default: the runtime's. */
  readonly threads?: number;
}

/** A classifier that was fitted to frozen features. */
export interface FittedHead {
  /**
   * Scores [rows, classes] of features [rows, width]; the highest is the prediction. Throws for features of another
   * width.
   */
  scores(features: Features): Promise<Features>;
  /** The classifier as numbers, to be saved and exported. */
  readonly head: Head;
  /** Settings that the fit chose itself, such as the l2 of leave-one-out ridge. */
  readonly chosen?: Setting;
}

/** Fits a classifier on frozen features: ridge, leave-one-out ridge, k nearest neighbours, prototypes, linear probe by SGD, logistic regression. */
export interface Evaluator {
  /** The name in commands and files, such as `ridge`. */
  readonly name: string;
  /** The name in tables and reports. */
  readonly title: string;
  /** Settings to choose among on validation images, the default first; at least one. */
  readonly settings: readonly Setting[];
  /** The names of all settings; default: those in `settings`. */
  readonly settingNames?: readonly string[];
  /**
   * Fits to a training set with at least one row each of at least two classes. `classes` is the number of scores, which
   * may be larger than the number of labels. Throws when sizes disagree, a label is outside the classes, or a feature
   * is not finite.
   */
  fit(train: LabelledFeatures, classes: number, setting: Setting, context: FitContext): Promise<FittedHead>;
}

/** The class with the highest score in each row; in a tie the lowest such class. */
export function highestScores({ data, rows, columns }: Features): Int32Array {
  const guesses = new Int32Array(rows);
  for (let row = 0; row < rows; row++) {
    let best = row * columns;
    for (let at = best + 1; at < (row + 1) * columns; at++) if (data[at]! > data[best]!) best = at;
    guesses[row] = best - row * columns;
  }
  return guesses;
}

/** The fraction of rows whose highest score is at their class. */
export function accuracyOf(scores: Features, labels: ArrayLike<number>): number {
  const guesses = highestScores(scores);
  let right = 0;
  for (const [row, guess] of guesses.entries()) if (guess === labels[row]) right++;
  return right / guesses.length;
}
