/** Cosines of vectors. */
import { multiplyTransposed } from "../../algebra/matrix.js";

/**
 * Cosines of chosen rows of a table [count, width] with all rows: [chosen, count]. A row of zeros has the cosine 0 with every row.
 *
 * @param chosen numbers of rows; default: all
 */
export function cosines(table: ArrayLike<number>, count: number, chosen?: readonly number[]): Float64Array {
  const columns = table.length / count;
  const data = Float64Array.from(table);
  for (let i = 0; i < count; i++) {
    const row = data.subarray(i * columns, (i + 1) * columns);
    const norm = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
    for (const [k, value] of row.entries()) row[k] = norm > 0 ? value / norm : 0;
  }
  const all = { data, rows: count, columns };
  if (!chosen) return multiplyTransposed(all, all).data;
  const picked = { data: new Float64Array(chosen.length * columns), rows: chosen.length, columns };
  for (const [i, at] of chosen.entries()) picked.data.set(data.subarray(at * columns, (at + 1) * columns), i * columns);
  return multiplyTransposed(picked, all).data;
}
