/** Blocks of feature rows, and the pairs of two of them that a search must see, found from the largest products of groups of pairs. */
import { groupSize, type LargestProducts } from "./similarity-engine.js";

/** More than float32 products of unit vectors lose: 1,024 terms in the worst order lose 6e-5. */
export const margin = 1e-4;

/** A block of rows in memory. */
export interface Block {
  readonly start: number;
  readonly count: number;
  readonly rows: Float32Array;
  /** 1 over the length of each row; 0 for a row of zeros, which is near nothing. */
  readonly inverse: Float64Array;
  /** Padded with rows of zeros to a whole block. */
  readonly ready: Float32Array;
}

/** What a search wants to know of the pairs it is shown. */
export interface Search {
  /** The cosine from which on pairs of this row matter; of rows of the left (or only) set, and of the right one. */
  leftFloor(row: number): number;
  rightFloor?(row: number): number;
  /** A pair whose cosine was multiplied out. */
  pair(left: number, right: number, cosine: number): void;
}

/**
 * Multiplies out the pairs of two blocks (of one block with itself, i < j) that may matter: those whose group by row and whose group by column both
 * hold a product that does. A row's largest product alone would leave 32 pairs to look at; with the columns' it is seldom more than one.
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
    // The group of the largest product first: where the nearest are sought, it lifts the floor for the others.
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

/** The product of a row of `a` and a row of `b`, in float64. */
export function dot(a: Float32Array, atA: number, b: Float32Array, atB: number, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i++) sum += a[atA + i]! * b[atB + i]!;
  return sum;
}
