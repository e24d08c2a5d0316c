/** The operations in float64, as plain loops over indices: arithmetic, shapes, reductions and products. */
import { type Array64, at, build, count, indexAt } from "./arrays.js";

/** numpy's broadcast shape of any number of shapes; throws when there is none. */
export function broadcastShape(...shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    const sides = shapes.map((shape) => shape[shape.length - rank + axis] ?? 1).filter((side) => side !== 1);
    if (sides.some((side) => side !== sides[0])) throw new Error("shapes do not broadcast");
    return sides[0] ?? 1;
  });
}

/** The entry of a broadcast array at an index of the result. */
const broadcastAt = (x: Array64, index: readonly number[]): number =>
  at(
    x,
    x.shape.map((side, axis) => (side === 1 ? 0 : index[index.length - x.shape.length + axis]!)),
  );

export const map = (x: Array64, f: (value: number) => number): Array64 => ({ shape: x.shape, data: x.data.map(f) });

/** f over the entries of arrays that broadcast together. */
export function zip(f: (...values: number[]) => number, ...arrays: readonly Array64[]): Array64 {
  const shape = broadcastShape(...arrays.map((x) => x.shape));
  return build(shape, (index) => f(...arrays.map((x) => broadcastAt(x, index))));
}

/** A number as an array of rank 0. */
export const number = (value: number): Array64 => ({ shape: [], data: Float64Array.of(value) });

export function matmul(a: Array64, b: Array64, transposeA = false, transposeB = false, alpha = 1): Array64 {
  const [p, q] = a.shape.slice(-2) as [number, number];
  const [r, s] = b.shape.slice(-2) as [number, number];
  const [rows, inner] = transposeA ? [q, p] : [p, q];
  const columns = transposeB ? r : s;
  const batch = broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const pick = (x: Array64, index: readonly number[], i: number, j: number) => {
    const own = x.shape.slice(0, -2);
    const leading = own.map((side, axis) => (side === 1 ? 0 : index[batch.length - own.length + axis]!));
    return at(x, [...leading, i, j]);
  };
  return build([...batch, rows, columns], (index) => {
    const [i, j] = index.slice(-2) as [number, number];
    let sum = 0;
    for (let k = 0; k < inner; k++) {
      const left = transposeA ? pick(a, index, k, i) : pick(a, index, i, k);
      const right = transposeB ? pick(b, index, j, k) : pick(b, index, k, j);
      sum += left * right;
    }
    return alpha * sum;
  });
}

/** Folds the entries along the given axes (counted from the front), starting from the first. */
export function reduce(
  x: Array64,
  axes: readonly number[],
  keepDimensions: boolean,
  f: (values: number[]) => number,
): Array64 {
  const kept = x.shape.map((side, axis) => (axes.includes(axis) ? 1 : side));
  const groups = build(kept, () => 0);
  const gathered: number[][] = Array.from(groups.data, () => []);
  for (let i = 0; i < x.data.length; i++) {
    const index = indexAt(x.shape, i).map((position, axis) => (axes.includes(axis) ? 0 : position));
    let group = 0;
    for (let axis = 0; axis < kept.length; axis++) group = group * kept[axis]! + index[axis]!;
    gathered[group]!.push(x.data[i]!);
  }
  return {
    shape: keepDimensions ? kept : x.shape.filter((_, axis) => !axes.includes(axis)),
    data: Float64Array.from(gathered, f),
  };
}

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
export const mean = (values: readonly number[]): number => sum(values) / values.length;

export const reshape = (x: Array64, shape: readonly number[]): Array64 => {
  if (count(shape) !== x.data.length) throw new Error("reshape");
  return { shape: [...shape], data: x.data };
};

export const transpose = (x: Array64, permutation: readonly number[]): Array64 =>
  build(
    permutation.map((axis) => x.shape[axis]!),
    (index) => {
      const source = new Array<number>(index.length);
      permutation.forEach((axis, i) => {
        source[axis] = index[i]!;
      });
      return at(x, source);
    },
  );

/** Every `steps`-th entry from `starts` on, up to (not with) `ends`; all counted from the front and inside the array. */
export function slice(
  x: Array64,
  starts: readonly number[],
  ends: readonly number[],
  steps: readonly number[] = starts.map(() => 1),
): Array64 {
  const positions = starts.map((start, axis) => {
    const list: number[] = [];
    for (let i = start; i < ends[axis]!; i += steps[axis]!) list.push(i);
    return list;
  });
  return build(
    positions.map((list) => list.length),
    (index) =>
      at(
        x,
        index.map((i, axis) => positions[axis]![i]!),
      ),
  );
}

export const pad = (x: Array64, before: readonly number[], after: readonly number[], value = 0): Array64 =>
  build(
    x.shape.map((side, axis) => side + before[axis]! + after[axis]!),
    (index) => {
      const source = index.map((i, axis) => i - before[axis]!);
      return source.every((i, axis) => i >= 0 && i < x.shape[axis]!) ? at(x, source) : value;
    },
  );

export function concat(arrays: readonly Array64[], axis: number): Array64 {
  const side = sum(arrays.map((x) => x.shape[axis]!));
  return build(
    arrays[0]!.shape.map((own, i) => (i === axis ? side : own)),
    (index) => {
      let along = index[axis]!;
      for (const x of arrays) {
        if (along < x.shape[axis]!)
          return at(
            x,
            index.map((i, j) => (j === axis ? along : i)),
          );
        along -= x.shape[axis]!;
      }
      throw new Error("concat");
    },
  );
}

export const split = (x: Array64, axis: number, sizes: readonly number[]): Array64[] => {
  let start = 0;
  return sizes.map((size) => {
    const from = start;
    start += size;
    return build(
      x.shape.map((side, i) => (i === axis ? size : side)),
      (index) =>
        at(
          x,
          index.map((i, j) => (j === axis ? i + from : i)),
        ),
    );
  });
};

export const expand = (x: Array64, shape: readonly number[]): Array64 => build(shape, (index) => broadcastAt(x, index));

export const gatherRows = (table: Array64, indices: Array64): Array64 =>
  build([...indices.shape, ...table.shape.slice(1)], (index) =>
    at(table, [at(indices, index.slice(0, indices.shape.length)), ...index.slice(indices.shape.length)]),
  );

export const oneHot = (indices: Array64, classes: number): Array64 =>
  build([...indices.shape, classes], (index) => (at(indices, index.slice(0, -1)) === index.at(-1) ? 1 : 0));
