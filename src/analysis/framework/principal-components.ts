/** Principal components of rows of numbers, in double precision. */
import { symmetricEigen } from "../../algebra/eigen.js";
import { type Features, rowOf } from "../../algebra/features.js";
import { type Matrix, zeros } from "../../algebra/matrix.js";
import { gram } from "../../algebra/products.js";

/** The directions in which rows differ most. */
export interface PrincipalComponents {
  /** Mean of the rows, [columns]. */
  readonly mean: Float64Array;
  /** Orthonormal rows [count, columns], in descending order of variance. The sign makes the entry of largest magnitude positive. */
  readonly components: Matrix;
  /** Fraction of the total variance along each component. */
  readonly explained: readonly number[];
}

/** Components whose variance is below this fraction of the total are rounding errors of a matrix of lower rank. */
const negligible = 1e-12;

/**
 * Principal components of rows [rows, columns] by the eigenvalues of their covariance, or of the inner products of the centred rows, whichever
 * matrix is smaller. Returns `count` components, or fewer if the centred rows have a lower rank. The time grows with the cube of
 * min(rows, columns): about 3 s at 768. Throws an Error for fewer than two rows and for values that are not finite.
 */
export async function principalComponents(
  rows: Features,
  count: number,
  options: { readonly threads?: number | undefined } = {},
): Promise<PrincipalComponents> {
  if (rows.rows < 2) throw new Error(`principal components need at least 2 rows, given ${rows.rows}`);
  const { centred, mean } = centre(rows);
  const products = options.threads === undefined ? {} : { threads: options.threads };
  const overColumns = rows.columns <= rows.rows;
  const { values, vectors } = symmetricEigen(await gram(centred, overColumns ? "columns" : "rows", products));
  const order = [...values.keys()].sort((a, b) => (values[b] ?? 0) - (values[a] ?? 0));
  const total = values.reduce((sum, value) => sum + Math.max(0, value), 0);
  const kept = order.slice(0, count).filter((i) => total > 0 && (values[i] ?? 0) > negligible * total);
  const components = zeros(kept.length, rows.columns);
  for (const [c, i] of kept.entries()) {
    const eigenvector = rowOf(vectors, i);
    const direction = overColumns ? eigenvector : combined(centred, eigenvector);
    components.data.set(oriented(direction), c * rows.columns);
  }
  return { mean, components, explained: kept.map((i) => (values[i] ?? 0) / total) };
}

/** Coordinates [rows, components] of rows along the components, after the mean is subtracted. Throws an Error if the widths differ. */
export function project(rows: Features, { mean, components }: PrincipalComponents): Matrix {
  if (rows.columns !== components.columns) {
    throw new Error(`rows of width ${rows.columns} cannot be projected on components of width ${components.columns}`);
  }
  const result = zeros(rows.rows, components.rows);
  for (let r = 0; r < rows.rows; r++) {
    const row = rowOf(rows, r);
    for (let c = 0; c < components.rows; c++) {
      const component = rowOf(components, c);
      let sum = 0;
      for (let k = 0; k < rows.columns; k++) sum += ((row[k] ?? 0) - (mean[k] ?? 0)) * (component[k] ?? 0);
      result.data[r * components.rows + c] = sum;
    }
  }
  return result;
}

function centre(rows: Features): { readonly centred: Matrix; readonly mean: Float64Array } {
  const mean = new Float64Array(rows.columns);
  const centred = zeros(rows.rows, rows.columns);
  for (let i = 0; i < rows.data.length; i++) {
    const k = i % rows.columns;
    mean[k] = (mean[k] ?? 0) + (rows.data[i] ?? 0) / rows.rows;
  }
  for (let i = 0; i < rows.data.length; i++) {
    centred.data[i] = (rows.data[i] ?? 0) - (mean[i % rows.columns] ?? 0);
  }
  return { centred, mean };
}

/** Sum of the rows, each times its weight: a direction in the space of the columns. */
function combined(rows: Matrix, weights: Float64Array): Float64Array {
  const sum = new Float64Array(rows.columns);
  for (let r = 0; r < rows.rows; r++) {
    const row = rowOf(rows, r);
    const weight = weights[r] ?? 0;
    for (let k = 0; k < rows.columns; k++) sum[k] = (sum[k] ?? 0) + weight * (row[k] ?? 0);
  }
  return sum;
}

/** The direction at length 1, with its entry of largest magnitude positive. */
function oriented(direction: Float64Array): Float64Array {
  let [largest, squares] = [0, 0];
  for (const value of direction) {
    if (Math.abs(value) > Math.abs(largest)) largest = value;
    squares += value * value;
  }
  const scale = (largest < 0 ? -1 : 1) / Math.sqrt(squares);
  return direction.map((value) => value * scale);
}
