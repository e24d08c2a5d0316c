/** Entries along an axis: gathered, scattered, ordered, and summed up to each. */
import * as g from "../../../src/graph/index.js";
import { type Array64, at, build, indexAt, offset } from "../../support/arrays.js";
import { distinct, noGradient, normal, type OperationCase, of, row } from "../../support/conformance.js";
import * as r from "../../support/reference.js";

const replaced = (index: readonly number[], axis: number, position: number) =>
  index.map((i, k) => (k === axis ? position : i));

const gather = (x: Array64, indices: Array64, axis: number) =>
  build(indices.shape, (index) => at(x, replaced(index, axis, at(indices, index))));

function scatter(x: Array64, indices: Array64, updates: Array64, axis: number, adds: boolean): Array64 {
  const data = x.data.slice();
  updates.data.forEach((update, i) => {
    const index = indexAt(indices.shape, i);
    const position = offset(x.shape, replaced(index, axis, at(indices, index)));
    data[position] = adds ? data[position]! + update : update;
  });
  return { shape: x.shape, data };
}

// shape of x, axis, shape of the indices, and indices that are distinct along the axis
const distinctIndices: readonly [number[], number, number[], number[]][] = [
  [[5], 0, [3], [4, 0, 2]],
  [[3, 4], 1, [3, 2], [0, 3, 2, 1, 3, 0]],
  [[4, 3], 0, [2, 3], [0, 3, 1, 2, 0, 3]],
  [[4, 3], 0, [2, 2], [0, 3, 1, 2]], // fewer columns than x
  [[3, 5], -1, [2, 3], [4, 0, 2, 1, 2, 3]], // fewer rows than x
  [[2, 4, 2], 1, [2, 2, 2], [0, 3, 1, 2, 2, 0, 3, 1]],
];
const repeatedIndices: readonly [number[], number, number[], number[]][] = [
  [[4], 0, [6], [2, 0, 2, 3, 2, 0]],
  [[3, 4], 1, [3, 5], [0, 0, 3, 1, 1, 2, 2, 2, 2, 2, 3, 1, 3, 1, 0]],
  [[3, 2], 0, [4, 2], [0, 1, 0, 1, 2, 0, 0, 2]],
  [[2, 3, 2], -2, [2, 4, 1], [0, 0, 2, 2, 1, 0, 1, 0]],
];
const dtypes = ["int32", "int64"] as const;

const gatherCases = [...distinctIndices, ...repeatedIndices].flatMap(([shape, axis, sides, indices]) =>
  dtypes.map((dtype) =>
    row(
      `gather [${sides}] of [${shape}] along ${axis} by ${dtype}`,
      "gather",
      [normal(...shape), of(sides, indices, dtype)],
      (x, i) => g.gather(x, i, axis),
      (x, i) => gather(x, i, (axis + shape.length) % shape.length),
    ),
  ),
);

const scatterCases = [
  ...distinctIndices.flatMap(([shape, axis, sides, indices]) =>
    (["replace", "add"] as const).map((reduction) =>
      row(
        `scatter [${sides}] into [${shape}] along ${axis}, ${reduction}`,
        "scatter",
        [normal(...shape), of(sides, indices, "int64"), normal(...sides)],
        (x, i, u) => g.scatter(x, i, u, axis, reduction),
        (x, i, u) => scatter(x, i, u, (axis + shape.length) % shape.length, reduction === "add"),
      ),
    ),
  ),
  ...repeatedIndices.map(([shape, axis, sides, indices]) =>
    row(
      `scatter [${sides}] into [${shape}] along ${axis}, repeated positions are added`,
      "scatter",
      [normal(...shape), of(sides, indices, "int32"), normal(...sides)],
      (x, i, u) => g.scatter(x, i, u, axis, "add"),
      (x, i, u) => scatter(x, i, u, (axis + shape.length) % shape.length, true),
    ),
  ),
  row(
    "scatter of int32 into int32",
    "scatter",
    [of([4], [1, 2, 3, 4], "int32"), of([2], [3, 0], "int32"), of([2], [10, 20], "int32")],
    (x, i, u) => [g.scatter(x, i, u, 0), g.scatter(x, i, u, 0, "add")],
    (x, i, u) => [scatter(x, i, u, 0, false), scatter(x, i, u, 0, true)],
  ),
  row(
    "scatter of nothing",
    "scatter",
    [normal(2, 3), of([2, 0], [], "int64"), normal(2, 0)],
    (x, i, u) => g.scatter(x, i, u, 1),
    (x) => x,
  ),
];

/** Positions of the k largest (or smallest) entries of a list in their order; of equal ones the first. */
const topOf = (values: readonly number[], k: number, largest: boolean): number[] =>
  values
    .map((_, i) => i)
    .sort((a, b) => (largest ? values[b]! - values[a]! : values[a]! - values[b]!) || a - b)
    .slice(0, k);
function topK(x: Array64, k: number, axis: number, largest: boolean): [Array64, Array64] {
  const shape = replaced(x.shape, axis, k);
  const list = (index: readonly number[]) =>
    Array.from({ length: x.shape[axis]! }, (_, i) => at(x, replaced(index, axis, i)));
  const indices = build(shape, (index) => topOf(list(index), k, largest)[index[axis]!]!);
  return [gather(x, indices, axis), indices];
}

const tops: readonly [number[], number, number, boolean][] = [
  [[6], 1, 0, true],
  [[6], 6, -1, true],
  [[3, 5], 2, -1, true],
  [[3, 5], 2, 0, true],
  [[2, 5, 3], 3, 1, false],
];
const tied = of([2, 4], [1, 5, 5, 2, -3, -3, -3, -3]);
const topCases = [
  ...tops.map(([shape, k, axis, largest]) =>
    row(
      `topK ${k} of [${shape}] along ${axis}, ${largest ? "largest" : "smallest"}`,
      "topK",
      [distinct(...shape)],
      (x) => {
        const { values, indices } = g.topK(x, k, { axis, largest });
        return [values, indices];
      },
      (x) => topK(x, k, (axis + shape.length) % shape.length, largest),
    ),
  ),
  row(
    "topK takes the first of a tie, and gives it the gradient",
    "topK",
    [tied],
    (x) => g.topK(x, 2).values,
    (x) => topK(x, 2, 1, true)[0],
    {
      gradients: {
        0: ([w]) => {
          const [a, b, c, d] = w!.data as unknown as [number, number, number, number];
          return { shape: [2, 4], data: Float64Array.of(0, a, b, 0, c, d, 0, 0) };
        },
      },
    },
  ),
  row(
    "positions of topK gather its values, and have no gradient",
    ["topK", "gather"],
    [distinct(3, 4)],
    (x) => g.multiply(g.gather(x, g.topK(x, 2).indices, 1), g.topK(g.negate(x), 2).values),
    (x) =>
      r.zip(
        (a, b) => a * b,
        topK(x, 2, 1, true)[0],
        topK(
          r.map(x, (v) => -v),
          2,
          1,
          true,
        )[0],
      ),
  ),
  ...[-1, 0, 1].flatMap((axis) =>
    [false, true].map((kept) =>
      row(
        `argMax along ${axis}${kept ? ", kept" : ""}`,
        "argMax",
        [distinct(2, 4, 3)],
        (x) => g.argMax(x, axis, kept),
        (x) => {
          const along = (axis + 3) % 3;
          const [, indices] = topK(x, 1, along, true);
          return kept
            ? indices
            : r.reshape(
                indices,
                x.shape.filter((_, i) => i !== along),
              );
        },
      ),
    ),
  ),
  row(
    "argMax takes the first of a tie",
    "argMax",
    [tied],
    (x) => g.argMax(x),
    () => ({ shape: [2], data: Float64Array.of(1, 0) }),
  ),
  row(
    "argMax has no gradient",
    "argMax",
    [distinct(2, 3)],
    (x) => g.multiply(g.cast(g.argMax(x, 1, true), "float32"), g.constant([1, 2], [2, 1])),
    (x) => {
      const [, indices] = topK(x, 1, 1, true);
      return r.zip((a, b) => a * b, indices, { shape: [2, 1], data: Float64Array.of(1, 2) });
    },
    { gradients: { 0: noGradient(0) } },
  ),
];

const cumsum = (x: Array64, axis: number, exclusive: boolean, reverse: boolean) =>
  build(x.shape, (index) => {
    const here = index[axis]!;
    const side = x.shape[axis]!;
    const positions = Array.from({ length: side }, (_, i) => i).filter((i) =>
      i === here ? !exclusive : reverse ? i > here : i < here,
    );
    return r.sum(positions.map((i) => at(x, replaced(index, axis, i))));
  });
const cumulativeCases = [
  ...[0, 1, -1].flatMap((axis) =>
    [false, true].flatMap((exclusive) =>
      [false, true].map((reverse) =>
        row(
          `cumsum along ${axis}${exclusive ? ", exclusive" : ""}${reverse ? ", reverse" : ""}`,
          "cumsum",
          [normal(3, 4, 2)],
          (x) => g.cumsum(x, axis, { exclusive, reverse }),
          (x) => cumsum(x, (axis + 3) % 3, exclusive, reverse),
        ),
      ),
    ),
  ),
  row(
    "cumsum of int32, and of one entry",
    "cumsum",
    [of([2, 3], [1, -2, 3, 4, 5, -6], "int32"), normal(1)],
    (x, one) => [g.cumsum(x, 1), g.cumsum(one, 0)],
    (x, one) => [cumsum(x, 1, false, false), one],
  ),
];

export const alongFamily: readonly OperationCase[] = [...gatherCases, ...scatterCases, ...topCases, ...cumulativeCases];
