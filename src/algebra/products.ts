/** Products of matrices of doubles: plain loops for small ones, ONNX Runtime for large ones. */
import { gemm, input } from "../graph/index.js";
import { evaluate } from "../runtime/index.js";
import {
  cholesky,
  type Matrix,
  multiply,
  multiplyTransposed,
  rowProducts,
  solvePositiveDefinite,
  transpose,
  transposedInverse,
} from "./matrix.js";

/** Number of multiplications above which a session of the runtime (about 20 ms to open) is faster than a loop of about 1e9 per second. */
const largeProduct = 1e8;

export interface ProductOptions {
  readonly threads?: number;
  /** Number of multiplications above which the runtime is used. Default: `largeProduct`. */
  readonly runtimeFrom?: number;
}

const small = (multiplications: number, { runtimeFrom = largeProduct }: ProductOptions): boolean =>
  multiplications < runtimeFrom;

/** A B for A [n, k] and B [k, m]. */
export async function product(a: Matrix, b: Matrix, options: ProductOptions = {}): Promise<Matrix> {
  return small(a.data.length * b.columns, options) ? multiply(a, b) : await byRuntime(a, b, {}, options);
}

/** A B^T for A [n, k] and B [m, k]. */
export async function productTransposed(a: Matrix, b: Matrix, options: ProductOptions = {}): Promise<Matrix> {
  if (small(a.data.length * b.rows, options)) return multiplyTransposed(a, b);
  return await byRuntime(a, b, { transposeB: true }, options);
}

/** A^T B for A [k, n] and B [k, m]. */
export async function productOfColumns(a: Matrix, b: Matrix, options: ProductOptions = {}): Promise<Matrix> {
  if (small(a.data.length * b.columns, options)) return multiply(transpose(a), b);
  return await byRuntime(a, b, { transposeA: true }, options);
}

/** Gram matrix of A [n, k]: A A^T of its rows, [n, n], or A^T A of its columns, [k, k]. */
export async function gram(a: Matrix, of: "rows" | "columns", options: ProductOptions = {}): Promise<Matrix> {
  const side = of === "rows" ? a.rows : a.columns;
  if (small((side * a.data.length) / 2, options)) return rowProducts(of === "rows" ? a : transpose(a));
  return await byRuntime(a, a, of === "rows" ? { transposeB: true } : { transposeA: true }, options);
}

/**
 * Solves (A + shift I) X = B for symmetric A [n, n] and B [n, m] like `solvePositiveDefinite`. For many right-hand sides, it inverts the
 * triangular factor, so that only matrix products remain. Throws if A + shift I is not positive definite.
 */
export async function solveManySides(
  a: Matrix,
  shift: number,
  b: Matrix,
  options: ProductOptions = {},
): Promise<Matrix> {
  if (small(a.data.length * b.columns, options)) return solvePositiveDefinite(a, shift, b);
  const inverse = transposedInverse(cholesky(a, shift));
  return await product(inverse, await productOfColumns(inverse, b, options), options);
}

async function byRuntime(
  a: Matrix,
  b: Matrix,
  transposes: { readonly transposeA?: boolean; readonly transposeB?: boolean },
  options: ProductOptions,
): Promise<Matrix> {
  const left = input("a", "float64", [a.rows, a.columns]);
  const right = a === b ? left : input("b", "float64", [b.rows, b.columns]);
  const value = gemm(left, right, undefined, transposes);
  const [rows, columns] = value.shape as [number, number];
  const found = await evaluate({ value }, a === b ? { a: a.data } : { a: a.data, b: b.data }, options);
  return { data: found["value"] as Float64Array, rows, columns };
}
