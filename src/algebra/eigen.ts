/** Eigen-decomposition of a symmetric matrix: Householder tridiagonalisation, then implicit QL with Wilkinson's shift. */

import { type Matrix, transpose, zeros } from "./matrix.js";

/** A = V^T diag(values) V with the eigenvectors as the rows of `vectors`; the values are not sorted. */
export interface SymmetricEigen {
  values: Float64Array;
  vectors: Matrix;
}

interface Tridiagonal {
  diagonal: Float64Array;
  /** Entry i couples i and i + 1; the last is 0. */
  offDiagonal: Float64Array;
  /** Q with A = Q T Q^T. */
  basis: Matrix;
}

/** Maximum number of QL sweeps for one eigenvalue; two are typical, thirty is the classic limit (Wilkinson and Reinsch, 1971). */
const MAXIMUM_SWEEPS = 60;

/** Reduces a symmetric matrix to tridiagonal form (Golub and Van Loan, Matrix Computations, 8.3.1). */
function tridiagonalise(matrix: Matrix): Tridiagonal {
  const n = matrix.rows;
  const a = Float64Array.from(matrix.data);
  const diagonal = new Float64Array(n);
  const offDiagonal = new Float64Array(n);
  const reflectors: Float64Array[] = [];

  for (let k = 0; k + 2 < n; k++) {
    const size = n - k - 1;
    // By symmetry, the column below the diagonal is also the row to its right.
    const v = a.slice(k * n + k + 1, k * n + n);
    let scale = 0;
    for (const value of v) scale = Math.max(scale, Math.abs(value));
    if (scale === 0) {
      reflectors.push(new Float64Array(0));
      continue;
    }
    let norm = 0;
    for (const value of v) norm += (value / scale) ** 2;
    norm = scale * Math.sqrt(norm);
    // The sign is opposite to that of the first entry, which avoids cancellation: H x = -sign(x0) |x| e0.
    const target = v[0]! > 0 ? -norm : norm;
    v[0]! -= target;
    let squared = 0;
    for (const value of v) squared += (value / scale) ** 2;
    const length = scale * Math.sqrt(squared);
    for (let i = 0; i < size; i++) v[i]! /= length; // H = I - 2 v v^T
    offDiagonal[k] = target;

    // A22 <- H A22 H = A22 - v w^T - w v^T with w = p - (v^T p) v, p = 2 A22 v.
    const w = new Float64Array(size);
    let projection = 0;
    for (let i = 0; i < size; i++) {
      const row = (k + 1 + i) * n + k + 1;
      let sum = 0;
      for (let j = 0; j < size; j++) sum += a[row + j]! * v[j]!;
      w[i] = 2 * sum;
      projection += w[i]! * v[i]!;
    }
    for (let i = 0; i < size; i++) w[i]! -= projection * v[i]!;
    for (let i = 0; i < size; i++) {
      const row = (k + 1 + i) * n + k + 1;
      const vi = v[i]!;
      const wi = w[i]!;
      for (let j = 0; j < size; j++) a[row + j]! -= vi * w[j]! + wi * v[j]!;
    }
    reflectors.push(v);
  }
  for (let i = 0; i < n; i++) diagonal[i] = a[i * n + i]!;
  if (n >= 2) offDiagonal[n - 2] = a[(n - 2) * n + n - 1]!;

  // Q = H_0 H_1 …, accumulated from the last reflector, so that each one affects only its own trailing block.
  const basis = zeros(n, n);
  for (let i = 0; i < n; i++) basis.data[i * n + i] = 1;
  for (let k = reflectors.length - 1; k >= 0; k--) {
    const v = reflectors[k]!;
    const start = k + 1;
    const product = new Float64Array(v.length);
    for (let i = 0; i < v.length; i++) {
      const row = (start + i) * n + start;
      for (let j = 0; j < v.length; j++) product[j]! += v[i]! * basis.data[row + j]!;
    }
    for (let i = 0; i < v.length; i++) {
      const row = (start + i) * n + start;
      const scale = 2 * v[i]!;
      for (let j = 0; j < v.length; j++) basis.data[row + j]! -= scale * product[j]!;
    }
  }
  return { diagonal, offDiagonal, basis };
}

/** Applies a Givens rotation to rows i and i + 1 of the eigenvector matrix. */
function rotateRows(vectors: Matrix, i: number, cosine: number, sine: number): void {
  const { data, columns } = vectors;
  const first = i * columns;
  const second = first + columns;
  for (let k = 0; k < columns; k++) {
    const x = data[first + k]!;
    const y = data[second + k]!;
    data[second + k] = sine * x + cosine * y;
    data[first + k] = cosine * x - sine * y;
  }
}

/** One implicit QL sweep over the unreduced block [start, end], chasing the bulge from `end` up to `start`. */
function sweep(d: Float64Array, e: Float64Array, start: number, end: number, vectors: Matrix): void {
  const ratio = (d[start + 1]! - d[start]!) / (2 * e[start]!);
  const shift = d[start]! - e[start]! / (ratio + Math.sign(ratio || 1) * Math.hypot(ratio, 1));
  let g = d[end]! - shift;
  let sine = 1;
  let cosine = 1;
  let carried = 0;
  for (let i = end - 1; i >= start; i--) {
    const bulge = sine * e[i]!;
    const coupling = cosine * e[i]!;
    const length = Math.hypot(bulge, g);
    e[i + 1] = length;
    if (length === 0) {
      // The block splits here: store the progress and let the caller determine the new block.
      d[i + 1]! -= carried;
      e[end] = 0;
      return;
    }
    sine = bulge / length;
    cosine = g / length;
    const upper = d[i + 1]! - carried;
    const rotated = (d[i]! - upper) * sine + 2 * cosine * coupling;
    carried = sine * rotated;
    d[i + 1] = upper + carried;
    g = cosine * rotated - coupling;
    rotateRows(vectors, i, cosine, sine);
  }
  d[start]! -= carried;
  e[start] = g;
  e[end] = 0;
}

/**
 * Computes all eigenvalues and eigenvectors of a symmetric matrix [n, n], with a backward error of the order of the machine epsilon times its
 * norm. Throws if the matrix is not square or has a value that is not finite.
 */
export function symmetricEigen(matrix: Matrix): SymmetricEigen {
  const n = matrix.rows;
  if (matrix.columns !== n) throw new Error(`eigenvalues need a square matrix, given [${n}, ${matrix.columns}]`);
  if (!matrix.data.every(Number.isFinite))
    throw new Error("eigenvalues need finite entries; the matrix holds NaN or infinity");
  const { diagonal, offDiagonal, basis } = tridiagonalise(matrix);
  const vectors = transpose(basis);
  let norm = 0;
  for (let i = 0; i < n; i++) norm = Math.max(norm, Math.abs(diagonal[i]!) + Math.abs(offDiagonal[i]!));
  // Off-diagonal entries below the rounding error of the whole matrix are treated as zero: a rank-deficient Gram matrix has many tiny eigenvalues.
  const negligible = Number.EPSILON * norm;

  for (let start = 0; start < n; start++) {
    for (let sweeps = 0; ; sweeps++) {
      let end = start;
      while (end < n - 1 && Math.abs(offDiagonal[end]!) > negligible) end++;
      if (end === start) break;
      if (sweeps === MAXIMUM_SWEEPS)
        throw new Error(`eigenvalue ${start} of ${n} did not converge in ${MAXIMUM_SWEEPS} sweeps`);
      sweep(diagonal, offDiagonal, start, end, vectors);
    }
  }
  return { values: diagonal, vectors };
}
