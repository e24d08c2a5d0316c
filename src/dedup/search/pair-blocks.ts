/** Finds the pairs of two blocks of feature rows that may reach a threshold, from the largest products of groups of pairs. */
import { groupSize, type LargestProducts } from "./similarity-engine.js";

/** Upper bound of the rounding error of float32 products of unit vectors: 1,024 terms in the worst order lose 6e-5. */
export const margin = 1e-4;

/** A block of rows in memory. */
export interface Block {
  readonly start: number;
  readonly count: number;
  readonly rows: Float32Array;
  /** Reciprocal length of each row; 0 for a row of zeros, which matches nothing. */
  readonly inverse: Float64Array;
  /** Rows in the engine's form, padded with rows of zeros to a full block. */
  readonly ready: Float32Array;
}

/** Callbacks of a search over pairs. */
export interface Search {
  /** Minimum cosine that matters for a row of the left (or only) dataset, and for a row of the right one. */
  leftFloor(row: number): number;
  rightFloor?(row: number): number;
  /** Called with a pair and its float64 cosine. */
  pair(left: number, right: number, cosine: number): void;
}

/**
 * Multiplies out the pairs of two blocks (i < j for a block with itself) that may matter: those whose row group and column group both have
 * a product that reaches the floor. The largest product of a row alone would leave 32 pairs; together with the columns', seldom more
 * than one is left.
 */
export function lookAtPairs(a: Block, b: Block, products: LargestProducts, sameSet: boolean, search: Search): void {
  const { byRow, byColumn, groups } = products;
  const size = groups * groupSize;
  const diagonal = sameSet && a.start === b.start;
  const columns = a.rows.length / a.count;
  const compare = (i: number, j: number): void => {
    if (i >= a.count || j >= b.count || (diagonal && i >= j)) return;
    const product = dot(a.rows, i * columns, b.rows, j * columns, columns);
    search.pair(a.start + i, b.start + j, product * a.inverse[i]! * b.inverse[j]!);
  };
  for (let i = 0; i < a.count; i++) {
    const first = i * groups;
    const across = Math.floor(i / groupSize) * size;
    let floor = search.leftFloor(a.start + i) - margin;
    // Start with the group of the largest product: in a nearest-neighbour search it raises the floor for the others.
    let top = 0;
    for (let group = 1; group < groups; group++) if (byRow[first + group]! > byRow[first + top]!) top = group;
    if (byRow[first + top]! < floor) continue;
    for (let turn = -1; turn < groups; turn++) {
      const group = turn < 0 ? top : turn;
      if (turn === top || byRow[first + group]! < floor) continue;
      for (let j = group * groupSize; j < (group + 1) * groupSize; j++)
        if (byColumn[across + j]! >= floor) compare(i, j);
      floor = search.leftFloor(a.start + i) - margin;
    }
  }
  if (!search.rightFloor) return;
  for (let j = 0; j < b.count; j++) {
    const across = Math.floor(j / groupSize);
    let floor = search.rightFloor(b.start + j) - margin;
    let top = 0;
    for (let group = 1; group < groups; group++)
      if (byColumn[group * size + j]! > byColumn[top * size + j]!) top = group;
    if (byColumn[top * size + j]! < floor) continue;
    for (let turn = -1; turn < groups; turn++) {
      const group = turn < 0 ? top : turn;
      if (turn === top || byColumn[group * size + j]! < floor) continue;
      for (let i = group * groupSize; i < (group + 1) * groupSize; i++)
        if (byRow[i * groups + across]! >= floor) compare(i, j);
      floor = search.rightFloor(b.start + j) - margin;
    }
  }
}

/** Product of a row of `a` and a row of `b`, in float64. */
export function dot(a: Float32Array, atA: number, b: Float32Array, atB: number, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i++) sum += a[atA + i]! * b[atB + i]!;
  return sum;
}
