/** Dense double-precision matrices and the three factorisation steps the closed-form ridge needs. */

/** Row-major matrix of doubles. */
export interface Matrix {
  data: Float64Array;
  rows: number;
  columns: number;
}

/** Zero matrix of the given size. */
export function zeros(rows: number, columns: number): Matrix {
  return { data: new Float64Array(rows * columns), rows, columns };
}

/** Transposed copy. */
export function transpose(a: Matrix): Matrix {
  const { rows, columns, data } = a;
  const result = zeros(columns, rows);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) result.data[j * rows + i] = data[i * columns + j]!;
  }
  return result;
}

/** A B^T for A [n, k] and B [m, k]: dot products of contiguous rows, four at a time so that each row of A is read from registers. */
export function multiplyTransposed(a: Matrix, b: Matrix): Matrix {
  if (a.columns !== b.columns) {
    throw new Error(`A B^T needs equal widths, given [${a.rows}, ${a.columns}] and [${b.rows}, ${b.columns}]`);
  }
  const width = a.columns;
  const x = a.data;
  const y = b.data;
  const result = zeros(a.rows, b.rows);
  for (let i = 0; i < a.rows; i++) {
    const row = i * width;
    let j = 0;
    for (; j + 4 <= b.rows; j += 4) {
      const first = j * width;
      let s0 = 0;
      let s1 = 0;
      let s2 = 0;
      let s3 = 0;
      for (let k = 0; k < width; k++) {
        const value = x[row + k]!;
        s0 += value * y[first + k]!;
        s1 += value * y[first + width + k]!;
        s2 += value * y[first + 2 * width + k]!;
        s3 += value * y[first + 3 * width + k]!;
      }
      const out = i * b.rows + j;
      result.data[out] = s0;
      result.data[out + 1] = s1;
      result.data[out + 2] = s2;
      result.data[out + 3] = s3;
    }
    for (; j < b.rows; j++) {
      let sum = 0;
      for (let k = 0; k < width; k++) sum += x[row + k]! * y[j * width + k]!;
      result.data[i * b.rows + j] = sum;
    }
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

/**
 * Solves (A + shift I) X = B for symmetric A [n, n] and B [n, m] by Cholesky factorisation; returns X.
 * Throws when A + shift I is not positive definite.
 */
export function solvePositiveDefinite(a: Matrix, shift: number, b: Matrix): Matrix {
  const n = a.rows;
  const m = b.columns;
  const factor = Float64Array.from(a.data);
  for (let i = 0; i < n; i++) {
    const row = i * n;
    for (let j = 0; j <= i; j++) {
      const other = j * n;
      let sum = factor[row + j]! + (i === j ? shift : 0);
      for (let k = 0; k < j; k++) sum -= factor[row + k]! * factor[other + k]!;
      if (i !== j) {
        factor[row + j] = sum / factor[other + j]!;
      } else if (sum > 0) {
        factor[row + i] = Math.sqrt(sum);
      } else {
        throw new Error(
          `ridge: the ${n}x${n} system with l2 = ${shift} is not positive definite (pivot ${i} is ${sum}); use a larger l2`,
        );
      }
    }
  }

  const x = Float64Array.from(b.data);
  // L Y = B, then L^T X = Y, both walking along rows of L.
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) {
      const scale = factor[i * n + k]!;
      for (let c = 0; c < m; c++) x[i * m + c]! -= scale * x[k * m + c]!;
    }
    const pivot = factor[i * n + i]!;
    for (let c = 0; c < m; c++) x[i * m + c]! /= pivot;
  }
  for (let i = n - 1; i >= 0; i--) {
    const pivot = factor[i * n + i]!;
    for (let c = 0; c < m; c++) x[i * m + c]! /= pivot;
    for (let k = 0; k < i; k++) {
      const scale = factor[i * n + k]!;
      for (let c = 0; c < m; c++) x[k * m + c]! -= scale * x[i * m + c]!;
    }
  }
  return { data: x, rows: n, columns: m };
}
