/** The closed-form ridge classifier on standardised features (big_vision `fewshot_lsr`, reference section 6). */

import { symmetricEigen } from "./eigen.js";
import { checkFeatures, type Features } from "./features.js";
import { type Matrix, multiply, multiplyTransposed, solvePositiveDefinite, transpose, zeros } from "./matrix.js";

/** The constant feature appended for the bias: large, so that its effective l2 is 1e-4 of the others (BIAS_CONSTANT). */
export const biasConstant = 100;
/** Added to the standard deviation, so that a constant feature does not divide by zero. */
const deviationFloor = 1e-5;
/** Strength of the regularisation in every published figure of the evaluator: 2^10, not tuned per task. */
export const defaultL2 = 1024;

/** Which normal equations to solve: primal [D, D], dual [N, N]; both give the same weights. */
export type RidgeForm = "primal" | "dual";

/** A linear classifier with the standardisation it was fitted under. */
export interface RidgeClassifier {
  classes: number;
  l2: number;
  /** Support mean of each feature. */
  mean: Float64Array;
  /** Support population standard deviation of each feature, plus 1e-5. */
  deviation: Float64Array;
  /** [features + 1, classes]; the last row belongs to the bias feature of value 100. */
  weights: Matrix;
  /** Scores [rows, classes]; the targets they were fitted to are -1 and 1. */
  scores(features: Features): Matrix;
  /** The class of the highest score of each row, the lowest such class in a tie. */
  predict(features: Features): Int32Array;
}

/** What a ridge classifier is fitted to. */
export interface RidgeOptions {
  features: Features;
  /** One class, 0 … classes - 1, for each row of features. */
  labels: ArrayLike<number>;
  classes: number;
  l2?: number;
  form?: RidgeForm;
}

interface Standardisation {
  mean: Float64Array;
  deviation: Float64Array;
}

function standardisation({ data, rows, columns }: Features): Standardisation {
  const mean = new Float64Array(columns);
  const deviation = new Float64Array(columns);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) mean[j]! += data[i * columns + j]!;
  for (let j = 0; j < columns; j++) mean[j]! /= rows;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) deviation[j]! += (data[i * columns + j]! - mean[j]!) ** 2;
  }
  for (let j = 0; j < columns; j++) deviation[j] = Math.sqrt(deviation[j]! / rows) + deviationFloor;
  return { mean, deviation };
}

/** Standardised features with the bias column, [rows, features + 1]. */
function designMatrix(features: Features, { mean, deviation }: Standardisation): Matrix {
  const { data, rows, columns } = features;
  const design = zeros(rows, columns + 1);
  for (let i = 0; i < rows; i++) {
    const out = i * (columns + 1);
    for (let j = 0; j < columns; j++) design.data[out + j] = (data[i * columns + j]! - mean[j]!) / deviation[j]!;
    design.data[out + columns] = biasConstant;
  }
  return design;
}

function targetMatrix(labels: ArrayLike<number>, classes: number): Matrix {
  const targets = zeros(labels.length, classes);
  targets.data.fill(-1);
  for (let i = 0; i < labels.length; i++) targets.data[i * classes + labels[i]!] = 1;
  return targets;
}

function requireL2(l2: number): void {
  if (!(l2 > 0) || !Number.isFinite(l2)) throw new Error(`ridge: l2 is ${l2}; give a number above 0, such as 1024`);
}

/** W = (X^T X + l2 I)^-1 X^T Y for one l2, by Cholesky; `form` "dual" uses X^T (X X^T + l2 I)^-1 Y. */
export function solveRidge(x: Matrix, y: Matrix, l2: number, form?: RidgeForm): Matrix {
  requireL2(l2);
  if ((form ?? naturalForm(x)) === "primal") {
    const transposed = transpose(x);
    return solvePositiveDefinite(multiplyTransposed(transposed, transposed), l2, multiply(transposed, y));
  }
  return multiply(transpose(x), solvePositiveDefinite(multiplyTransposed(x, x), l2, y));
}

/** The smaller of the two systems, as the reference chooses it. */
function naturalForm(x: Matrix): RidgeForm {
  return x.rows >= x.columns ? "primal" : "dual";
}

/**
 * Prepares W(l2) for many strengths from one eigen-decomposition: W = L diag(1 / (e + l2)) R with L and R fixed.
 * The same weights as `solveRidge`, worth it from the second l2 on.
 */
export function ridgePath(x: Matrix, y: Matrix, form?: RidgeForm): (l2: number) => Matrix {
  const primal = (form ?? naturalForm(x)) === "primal";
  const transposed = transpose(x);
  const factor = primal ? transposed : x;
  const { values, vectors } = symmetricEigen(multiplyTransposed(factor, factor));
  const right = multiply(vectors, primal ? multiply(transposed, y) : y);
  const left = primal ? transpose(vectors) : multiplyTransposed(transposed, vectors);
  return (l2) => {
    requireL2(l2);
    const scaled = zeros(right.rows, right.columns);
    for (let i = 0; i < right.rows; i++) {
      for (let c = 0; c < right.columns; c++) {
        scaled.data[i * right.columns + c] = right.data[i * right.columns + c]! / (values[i]! + l2);
      }
    }
    return multiply(left, scaled);
  };
}

function classifier(scale: Standardisation, weights: Matrix, classes: number, l2: number): RidgeClassifier {
  const byClass = transpose(weights);
  const scores = (features: Features): Matrix => {
    if (features.columns !== scale.mean.length) {
      throw new Error(`ridge: fitted on ${scale.mean.length} features, asked about ${features.columns}`);
    }
    return multiplyTransposed(designMatrix(features, scale), byClass);
  };
  const predict = (features: Features): Int32Array => {
    const { data, rows } = scores(features);
    const guesses = new Int32Array(rows);
    for (let i = 0; i < rows; i++) guesses[i] = argmax(data.subarray(i * classes, (i + 1) * classes));
    return guesses;
  };
  return { classes, l2, ...scale, weights, scores, predict };
}

/** Index of the largest value, the first in a tie. */
export function argmax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

/**
 * Fits the ridge classifier of the few-shot evaluator to a support set: features [N, D] standardised by their own mean and
 * population deviation, a bias feature of 100, targets ±1, l2 = 1024 unless given, solved in closed form.
 *
 * Throws when sizes disagree, a label is outside the classes, a feature is not finite, or l2 is not positive.
 *
 * @example
 * const { predict } = ridgeClassifier({ features: support, labels: [0, 0, 1, 1], classes: 2 });
 * predict(queries); // Int32Array of classes
 */
export function ridgeClassifier(options: RidgeOptions): RidgeClassifier {
  const { features, labels, classes, l2 = defaultL2, form } = options;
  checkSupport(features, labels, classes);
  const scale = standardisation(features);
  const weights = solveRidge(designMatrix(features, scale), targetMatrix(labels, classes), l2, form);
  return classifier(scale, weights, classes, l2);
}

/** Ridge classifiers of one support set for several l2, all from one eigen-decomposition. Throws as `ridgeClassifier`. */
export function ridgeClassifiers(options: Omit<RidgeOptions, "l2">, strengths: readonly number[]): RidgeClassifier[] {
  const { features, labels, classes, form } = options;
  if (strengths.length === 1) return [ridgeClassifier({ ...options, l2: strengths[0]! })];
  checkSupport(features, labels, classes);
  const scale = standardisation(features);
  const solve = ridgePath(designMatrix(features, scale), targetMatrix(labels, classes), form);
  return strengths.map((l2) => classifier(scale, solve(l2), classes, l2));
}

function checkSupport(features: Features, labels: ArrayLike<number>, classes: number): void {
  checkFeatures("support set", features, labels, classes);
  if (features.rows === 0) throw new Error("support set: no examples; give at least one of each class");
}
