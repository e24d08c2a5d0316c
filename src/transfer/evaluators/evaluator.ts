/** The interface of evaluators, which fit classifiers to frozen features. */

import type { Features, LabelledFeatures } from "../../algebra/features.js";
import type { Head, Setting } from "../../networks/index.js";

/** The settings of a fit beside its data. */
export interface FitContext {
  /** Seed of everything that is drawn at random. */
  readonly seed: number;
  /** Stops a long fit, which then throws the signal's reason. */
  readonly signal?: AbortSignal;
  /** Threads of the runtime. Default: its own choice. */
  readonly threads?: number;
}

/** A classifier that was fitted to frozen features. */
export interface FittedHead {
  /** Scores [rows, classes] of features [rows, width]: the highest is the prediction. Throws when the width is another. */
  scores(features: Features): Promise<Features>;
  /** The classifier as numbers, to be saved and exported. */
  readonly head: Head;
  /** What the fit chose by itself, such as the l2 of leave-one-out ridge. */
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
  /** Every number that a setting may have; default: those of `settings`. */
  readonly settingNames?: readonly string[];
  /**
   * Fits to a training set with one row or more of two classes or more; `classes` counts those that the scores have, which
   * may be more than there are labels. Throws when sizes disagree, a label is outside the classes, or a feature is not finite.
   */
  fit(train: LabelledFeatures, classes: number, setting: Setting, context: FitContext): Promise<FittedHead>;
}

/** The class of the highest score of each row, the lowest such class in a tie. */
export function highestScores({ data, rows, columns }: Features): Int32Array {
  const guesses = new Int32Array(rows);
  for (let row = 0; row < rows; row++) {
    let best = row * columns;
    for (let at = best + 1; at < (row + 1) * columns; at++) if (data[at]! > data[best]!) best = at;
    guesses[row] = best - row * columns;
  }
  return guesses;
}

/** The share of rows whose highest score is their class. */
export function accuracyOf(scores: Features, labels: ArrayLike<number>): number {
  const guesses = highestScores(scores);
  let right = 0;
  for (const [row, guess] of guesses.entries()) if (guess === labels[row]) right++;
  return right / guesses.length;
}
