/** Measures the accuracy of logits on labelled images: top-1, top-5, per class, confusion matrix. */

import { type Features, rowOf } from "../../algebra/features.js";
import { wilsonInterval } from "../../algebra/statistics.js";
import type { ConfusionEntry } from "../mistakes/confusion.js";

/** A fraction of the images with its 95 % Wilson interval. */
export interface Share {
  readonly right: number;
  readonly images: number;
  readonly accuracy: number;
  readonly confidence95: readonly [number, number];
}

export interface ClassAccuracy extends Share {
  readonly name: string;
  /** Images that were predicted as this class, correctly or not. */
  readonly named: number;
  /** Precision: the fraction of those that belong to this class; undefined if there are none. */
  readonly precision: number | undefined;
}

/** The prediction for one image. */
export interface NamedImageRow {
  /** Row of the logits. */
  readonly row: number;
  /** Column of the logits. */
  readonly guess: number;
  /** 0 to 1. */
  readonly probability: number;
}

export interface Accuracy {
  readonly top1: Share;
  /** Accuracy of the five most probable classes; undefined for five classes or fewer. */
  readonly top5: Share | undefined;
  /** Mean of the per-class accuracies, over classes with images. */
  readonly meanOfClasses: number;
  /** Classes of the dataset that have images, in its order. */
  readonly classes: readonly ClassAccuracy[];
  /** The confusion matrix: images of each class of the dataset by predicted class. */
  readonly confusion: readonly ConfusionEntry[];
  /** Images of each class of the dataset that were predicted as a class that it does not have. */
  readonly elsewhere: Int32Array;
  /** Every image. */
  readonly named: readonly NamedImageRow[];
}

const share = (right: number, images: number): Share => ({
  right,
  images,
  accuracy: right / images,
  confidence95: wilsonInterval(right, images),
});

export interface MeasureInput {
  /** One row per image. */
  readonly logits: Features<Float32Array>;
  /** Label of each row: a class of the dataset. */
  readonly labels: ArrayLike<number>;
  readonly classNames: readonly string[];
  /** The column of each class of the dataset (see `matchClasses`). */
  readonly columns: Int32Array;
  /** How logits become probabilities. */
  readonly loss: "softmax" | "sigmoid";
  /** Predict only classes of the dataset, not every class of the network. Default: false. */
  readonly amongSet?: boolean;
}

/**
 * Computes the accuracies. Of equal logits, the lower column is predicted. Throws an Error when there are no rows.
 *
 * The interval of top-1 and top-5 describes the sampling of the images: another draw of as many images from the same
 * distribution.
 */
export function measureAccuracy(input: MeasureInput): Accuracy {
  const { logits, labels, classNames, columns, loss, amongSet = false } = input;
  const rows = labels.length;
  if (rows === 0) throw new Error("there are no images to evaluate on; give at least one row of logits");
  const count = classNames.length;
  const labelOf = new Map([...columns].map((column, label) => [column, label]));
  const candidates = amongSet
    ? [...columns].sort((a, b) => a - b)
    : Array.from({ length: logits.columns }, (_, i) => i);
  // stored sparsely: a matrix of 21,843 x 21,843 classes would take 2 GB
  const confusion = new Map<number, number>();
  const namedSo = new Int32Array(count);
  const images = new Int32Array(count);
  const elsewhere = new Int32Array(count);
  const named: NamedImageRow[] = [];
  let [first, amongFive] = [0, 0];
  for (let row = 0; row < rows; row++) {
    const scores = rowOf(logits, row);
    const label = labels[row] ?? 0;
    const truth = columns[label] ?? 0;
    const value = (column: number): number => scores[column] ?? Number.NaN;
    let guess = candidates[0] ?? 0;
    let before = 0;
    for (const column of candidates) {
      if (value(column) > value(guess)) guess = column;
      if (value(column) > value(truth) || (value(column) === value(truth) && column < truth)) before++;
    }
    if (before === 0) first++;
    if (before < 5) amongFive++;
    const guessed = labelOf.get(guess);
    images[label] = (images[label] ?? 0) + 1;
    if (guessed === undefined) elsewhere[label] = (elsewhere[label] ?? 0) + 1;
    else {
      namedSo[guessed] = (namedSo[guessed] ?? 0) + 1;
      confusion.set(label * count + guessed, (confusion.get(label * count + guessed) ?? 0) + 1);
    }
    const highest = value(guess);
    const total = candidates.reduce((sum, column) => sum + Math.exp(value(column) - highest), 0);
    named.push({ row, guess, probability: loss === "sigmoid" ? 1 / (1 + Math.exp(-highest)) : 1 / total });
  }
  const classes = classNames.flatMap((name, label): ClassAccuracy[] => {
    const all = images[label] ?? 0;
    const guessed = namedSo[label] ?? 0;
    if (all === 0) return [];
    const right = confusion.get(label * count + label) ?? 0;
    return [{ name, ...share(right, all), named: guessed, precision: guessed === 0 ? undefined : right / guessed }];
  });
  const entries = [...confusion]
    .sort(([a], [b]) => a - b)
    .map(([at, number]) => [Math.floor(at / count), at % count, number] as const);
  return {
    top1: share(first, rows),
    top5: candidates.length > 5 ? share(amongFive, rows) : undefined,
    meanOfClasses: classes.reduce((sum, { accuracy }) => sum + accuracy, 0) / classes.length,
    classes,
    confusion: entries,
    elsewhere,
    named,
  };
}
