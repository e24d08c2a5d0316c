/** Dense double-precision matrices and the factorisations for closed-form ridge regression. */
import type { Features } from "./features.js";

/** A row-major matrix of doubles. */
export type Matrix = Features<Float64Array>;

/** Creates a zero matrix. */
export function zeros(rows: number, columns: number): Matrix {
  return { data: new Float64Array(rows * columns), rows, columns };
}

/** Returns a transposed copy. */
export function transpose(a: Matrix): Matrix {
  const { rows, columns, data } = a;
  const result = zeros(columns, rows);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) result.data[j * rows + i] = data[i * columns + j]!;
  }
  return result;
}

/** Computes dot products of row i of A with rows 0 … count - 1 of B, four at a time so that each value of A is loaded once for four. */
function dotRows(a: Matrix, i: number, b: Matrix, count: number, out: Float64Array, at: number): void {
  const width = a.columns;
  const x = a.data.subarray(i * width, (i + 1) * width);
  const y = b.data;
  let j = 0;
  for (; j + 4 <= count; j += 4) {
    const first = j * width;
    const second = first + width;
    const third = second + width;
    const fourth = third + width;
    let s0 = 0;
    let s1 = 0;
    let s2 = 0;
    let s3 = 0;
    for (let k = 0; k < width; k++) {
      const value = x[k]!;
      s0 += value * y[first + k]!;
      s1 += value * y[second + k]!;
      s2 += value * y[third + k]!;
      s3 += value * y[fourth + k]!;
    }
    out[at + j] = s0;
    out[at + j + 1] = s1;
    out[at + j + 2] = s2;
    out[at + j + 3] = s3;
  }
  for (; j < count; j++) {
    let sum = 0;
    for (let k = 0; k < width; k++) sum += x[k]! * y[j * width + k]!;
    out[at + j] = sum;
  }
}

/** A B^T for A [n, k] and B [m, k]. */
export function multiplyTransposed(a: Matrix, b: Matrix): Matrix {
  if (a.columns !== b.columns) {
    throw new Error(`A B^T needs equal widths, given [${a.rows}, ${a.columns}] and [${b.rows}, ${b.columns}]`);
  }
  const result = zeros(a.rows, b.rows);
  for (let i = 0; i < a.rows; i++) dotRows(a, i, b, b.rows, result.data, i * b.rows);
  return result;
}

/** A A^T for A [n, k], with half the work of the general product. */
export function rowProducts(a: Matrix): Matrix {
  const n = a.rows;
  const result = zeros(n, n);
  for (let i = 0; i < n; i++) {
    dotRows(a, i, a, i + 1, result.data, i * n);
    for (let j = 0; j < i; j++) result.data[j * n + i] = result.data[i * n + j]!;
  }
  return result;
}

/** A B for A [n, k] and B [k, m]. */
export function multiply(a: Matrix, b: Matrix): Matrix {
  if (a.columns !== b.rows) {
    throw new Error(`A B needs inner sizes that agree, given [${a.rows}, ${a.columns}] and [${b.rows}, ${b.columns}]`);
  }
  return multiplyTransposed(a, transpose(b));
}

/** Cholesky factorisation: the lower triangular L of A + shift I = L L^T for symmetric A. Throws if A + shift I is not positive definite. */
export function cholesky(a: Matrix, shift: number): Matrix {
  const n = a.rows;
  const factor = Float64Array.from(a.data);
  for (let i = 0; i < n; i++) {
    const row = factor.subarray(i * n, (i + 1) * n);
    for (let j = 0; j <= i; j++) {
      const other = factor.subarray(j * n, (j + 1) * n);
      const rest = row[j]! + (i === j ? shift : 0) - dotPart(row, other, 0, j);
      if (i !== j) {
        row[j] = rest / other[j]!;
      } else if (rest > 0) {
        row[i] = Math.sqrt(rest);
      } else {
        throw new Error(
          `ridge: the ${n}x${n} system with l2 = ${shift} is not positive definite (pivot ${i} is ${rest}); use a larger l2`,
        );
      }
    }
    row.fill(0, i + 1);
  }
  return { data: factor, rows: n, columns: n };
}

/** Dot product of two rows over the range from `from` to before `to`. */
function dotPart(x: Float64Array, y: Float64Array, from: number, to: number): number {
  // Two accumulators: with one, each addition would wait for the previous one.
  let even = 0;
  let odd = 0;
  let k = from;
  for (; k + 1 < to; k += 2) {
    even += x[k]! * y[k]!;
    odd += x[k + 1]! * y[k + 1]!;
  }
  return k < to ? even + odd + x[k]! * y[k]! : even + odd;
}

/** Computes the transposed inverse L^-T of a lower triangular matrix: row j has column j of the inverse. */
export function transposedInverse({ data, rows: n }: Matrix): Matrix {
  const inverse = zeros(n, n);
  for (let j = 0; j < n; j++) {
    const out = inverse.data.subarray(j * n, (j + 1) * n);
    out[j] = 1 / data[j * n + j]!;
    for (let i = j + 1; i < n; i++) {
      out[i] = -dotPart(data.subarray(i * n, (i + 1) * n), out, j, i) / data[i * n + i]!;
    }
  }
  return inverse;
}

/**
 * Solves (A + shift I) X = B for symmetric A [n, n] and B [n, m] by Cholesky factorisation; returns X.
 * Throws if A + shift I is not positive definite.
 */
export function solvePositiveDefinite(a: Matrix, shift: number, b: Matrix): Matrix {
  const n = a.rows;
  const m = b.columns;
  const { data: factor } = cholesky(a, shift);
  // L Y = B, then L^T X = Y, both with row-wise access: to L, then to its transpose.
  const transposed = transpose({ data: factor, rows: n, columns: n }).data;
  const x = zeros(n, m);
  const group = new Float64Array(n * 4);
  for (let first = 0; first < m; first += 4) {
    const width = Math.min(4, m - first);
    for (let i = 0; i < n; i++) {
      for (let c = 0; c < width; c++) group[i * 4 + c] = b.data[i * m + first + c]!;
    }
    for (let i = 0; i < n; i++) substitute(group, factor, i, n, 0, i);
    for (let i = n - 1; i >= 0; i--) substitute(group, transposed, i, n, i + 1, n);
    for (let i = 0; i < n; i++) {
      for (let c = 0; c < width; c++) x.data[i * m + first + c] = group[i * 4 + c]!;
    }
  }
  return x;
}

/** Row i of four right-hand sides together, [n, 4]: subtracts the products with the rows `from` to `to` and divides by the pivot. */
function substitute(sides: Float64Array, factor: Float64Array, i: number, n: number, from: number, to: number): void {
  const row = i * n;
  let s0 = sides[i * 4]!;
  let s1 = sides[i * 4 + 1]!;
  let s2 = sides[i * 4 + 2]!;
  let s3 = sides[i * 4 + 3]!;
  for (let k = from; k < to; k++) {
    const scale = factor[row + k]!;
    s0 -= scale * sides[k * 4]!;
    s1 -= scale * sides[k * 4 + 1]!;
    s2 -= scale * sides[k * 4 + 2]!;
    s3 -= scale * sides[k * 4 + 3]!;
  }
  const pivot = factor[row + i]!;
  sides[i * 4] = s0 / pivot;
  sides[i * 4 + 1] = s1 / pivot;
  sides[i * 4 + 2] = s2 / pivot;
  sides[i * 4 + 3] = s3 / pivot;
}
