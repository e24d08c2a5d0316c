/** The closed-form ridge classifier on standardised features (big_vision `fewshot_lsr`, papers.md 6). */

import { argmax } from "../../algebra/argmax.js";
import { type SymmetricEigen, symmetricEigen } from "../../algebra/eigen.js";
import { checkFeatures, type Features } from "../../algebra/features.js";
import {
  type Matrix,
  multiply,
  multiplyTransposed,
  rowProducts,
  solvePositiveDefinite,
  transpose,
  zeros,
} from "../../algebra/matrix.js";
import { gram, type ProductOptions, solveManySides } from "../../algebra/products.js";

/**
 * The constant feature appended for the bias. It is large, so that its effective l2 is 1e-4 of the others'
 * (BIAS_CONSTANT).
 */
export const biasConstant = 100;
/** Added to the standard deviation, so that a constant feature does not divide by zero. */
const deviationFloor = 1e-5;
/** Strength of the regularisation in all published results of the evaluator: 2^10, not tuned per task. */
export const defaultL2 = 1024;

/** The normal equations to solve: primal [D, D] or dual [N, N]; both have the same solution. */
export type RidgeForm = "primal" | "dual";

/** A linear classifier with the standardisation it was fitted with. */
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
  /** The class with the highest score in each row; in a tie the lowest such class. */
  predict(features: Features): Int32Array;
}

/** The data and settings of a ridge classifier. */
export interface RidgeOptions {
  features: Features;
  /** One class, 0 … classes - 1, for each row of features. */
  labels: ArrayLike<number>;
  classes: number;
  l2?: number;
  form?: RidgeForm;
}

/** The standardisation of features: (feature - mean) / deviation. */
export interface Standardisation {
  mean: Float64Array;
  deviation: Float64Array;
}

/** Mean and population standard deviation (plus 1e-5) of each feature. */
export function standardisation({ data, rows, columns }: Features): Standardisation {
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

/** Targets [rows, classes]: 1 for the class, -1 elsewhere. */
export function targetMatrix(labels: ArrayLike<number>, classes: number): Matrix {
  const targets = zeros(labels.length, classes);
  targets.data.fill(-1);
  for (let i = 0; i < labels.length; i++) targets.data[i * classes + labels[i]!] = 1;
  return targets;
}

/** X^T Y for these targets: twice the sum of each class's rows minus the sum of all rows, without a matrix product. */
export function classSums(x: Matrix, labels: ArrayLike<number>, classes: number): Matrix {
  const { data, rows, columns } = x;
  const sums = zeros(classes, columns);
  const total = new Float64Array(columns);
  for (let i = 0; i < rows; i++) {
    const row = i * columns;
    const at = labels[i]! * columns;
    for (let j = 0; j < columns; j++) {
      sums.data[at + j]! += data[row + j]!;
      total[j]! += data[row + j]!;
    }
  }
  for (let c = 0; c < classes; c++) {
    for (let j = 0; j < columns; j++) sums.data[c * columns + j] = 2 * sums.data[c * columns + j]! - total[j]!;
  }
  return transpose(sums);
}

function requireL2(l2: number): void {
  if (!(l2 > 0) || !Number.isFinite(l2)) throw new Error(`ridge: l2 is ${l2}; give a number above 0, such as 1024`);
}

/** The normal equations of a support set, (system + l2 I) S = right, and the conversion of S to weights. */
export interface RidgeSystem {
  readonly scale: Standardisation;
  /** Standardised features with the bias column, [rows, features + 1]. */
  readonly design: Matrix;
  readonly form: RidgeForm;
  readonly right: Matrix;
  weights(solution: Matrix): Matrix;
}

/**
 * Prepares W = (X^T X + l2 I)^-1 X^T Y, or the equal X^T (X X^T + l2 I)^-1 Y. Default: the smaller system, as in the
 * reference. Throws when sizes disagree, a label is outside the classes, or a feature is not finite.
 */
export function ridgeSystem({ features, labels, classes, form }: Omit<RidgeOptions, "l2">): RidgeSystem {
  checkSupport(features, labels, classes);
  const scale = standardisation(features);
  const design = designMatrix(features, scale);
  const chosen = form ?? (design.rows >= design.columns ? "primal" : "dual");
  const primal = chosen === "primal";
  return {
    scale,
    design,
    form: chosen,
    right: primal ? classSums(design, labels, classes) : targetMatrix(labels, classes),
    weights: (solution) => (primal ? solution : multiply(transpose(design), solution)),
  };
}

/** X^T X in the primal form, X X^T in the dual form. */
const gramOf = ({ design, form }: RidgeSystem): Matrix => rowProducts(form === "primal" ? transpose(design) : design);

/** The weights as a function of l2, from one eigen-decomposition: Q diag(1 / (e + l2)) Q^T replaces the inverse. */
export function ridgePath({ right, weights }: RidgeSystem, eigen: SymmetricEigen): (l2: number) => Matrix {
  const { values, vectors } = eigen;
  const projected = multiply(vectors, right);
  const back = transpose(vectors);
  return (l2) => {
    requireL2(l2);
    const scaled = zeros(projected.rows, projected.columns);
    for (let i = 0; i < projected.rows; i++) {
      for (let c = 0; c < projected.columns; c++) {
        const at = i * projected.columns + c;
        scaled.data[at] = projected.data[at]! / (values[i]! + l2);
      }
    }
    return weights(multiply(back, scaled));
  };
}

/** The classifier with weights that solve a system. */
export function ridgeOf({ scale }: RidgeSystem, weights: Matrix, l2: number): RidgeClassifier {
  const classes = weights.columns;
  const byClass = transpose(weights);
  const scores = (features: Features): Matrix => {
    if (features.columns !== scale.mean.length) {
      throw new Error(`ridge: fitted on ${scale.mean.length} features; given ${features.columns}`);
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

/**
 * Fits the ridge classifier of the few-shot protocol to a support set: features [N, D] standardised by their own mean
 * and population deviation, a bias feature of 100, targets ±1, default l2 = 1024, solved in closed form.
 *
 * Throws when sizes disagree, a label is outside the classes, a feature is not finite, or l2 is not positive.
 *
 * @example const { predict } = ridgeClassifier({ features: support, labels: [0, 0, 1, 1], classes: 2 });
 * predict(queries); // Int32Array of classes
 */
export function ridgeClassifier(options: RidgeOptions): RidgeClassifier {
  return ridgeClassifiers(options, [options.l2 ?? defaultL2])[0]!;
}

/**
 * Number of strengths from which one eigen-decomposition is cheaper than a Cholesky factorisation for each: about 6 n^3
 * multiplications (tridiagonal form, its basis, QL with vectors) against n^3 / 6.
 */
const eigenFrom = 36;

/**
 * Ridge classifiers of one support set for several l2, which share the normal equations. Throws as `ridgeClassifier`.
 */
export function ridgeClassifiers(options: Omit<RidgeOptions, "l2">, strengths: readonly number[]): RidgeClassifier[] {
  const system = ridgeSystem(options);
  const { right, weights } = system;
  for (const l2 of strengths) requireL2(l2);
  const gram = gramOf(system);
  const path = strengths.length < eigenFrom ? undefined : ridgePath(system, symmetricEigen(gram));
  const solve = path ?? ((l2: number) => weights(solvePositiveDefinite(gram, l2, right)));
  return strengths.map((l2) => ridgeOf(system, solve(l2), l2));
}

/** The same for large support sets, with matrix products by the runtime, also in double precision. */
export async function fitRidges(
  options: Omit<RidgeOptions, "l2"> & ProductOptions,
  strengths: readonly number[],
): Promise<RidgeClassifier[]> {
  const system = ridgeSystem(options);
  const { design, form, right, weights } = system;
  for (const l2 of strengths) requireL2(l2);
  const square = await gram(design, form === "primal" ? "columns" : "rows", options);
  const path = strengths.length < eigenFrom ? undefined : ridgePath(system, symmetricEigen(square));
  const found: RidgeClassifier[] = [];
  for (const l2 of strengths) {
    found.push(ridgeOf(system, path?.(l2) ?? weights(await solveManySides(square, l2, right, options)), l2));
  }
  return found;
}

function checkSupport(features: Features, labels: ArrayLike<number>, classes: number): void {
  checkFeatures("support set", features, labels, classes);
  if (features.rows === 0) throw new Error("the support set has no examples; give at least one of each class");
}
