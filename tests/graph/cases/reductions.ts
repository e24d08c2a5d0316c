/** Sums, means and extremes over axes, and how ties share a gradient. */
import * as g from "../../../src/graph/index.js";
import type { Array64 } from "../../support/arrays.js";
import { distinct, normal, type OperationCase, of, row } from "../../support/conformance.js";
import * as r from "../../support/reference.js";

const axes: readonly (number | number[] | undefined)[] = [undefined, 0, -1, [1], [0, 2], [-1, -2], [2, 0, 1], []];
const resolved = (x: Array64, list: number | readonly number[] | undefined) =>
  list === undefined
    ? x.shape.map((_, axis) => axis)
    : (typeof list === "number" ? [list] : list).map((axis) => (axis < 0 ? axis + x.shape.length : axis));
const reductions = {
  reduceSum: g.reduceSum,
  reduceMean: g.reduceMean,
  reduceMax: g.reduceMax,
  reduceMin: g.reduceMin,
};
const folds = {
  reduceSum: r.sum,
  reduceMean: r.mean,
  reduceMax: (values: number[]) => Math.max(...values),
  reduceMin: (values: number[]) => Math.min(...values),
};
const reductionCases = (Object.keys(folds) as (keyof typeof folds)[]).flatMap((name) => [
  ...axes.flatMap((list) =>
    [false, true].map((keep) =>
      row(
        `${name} over ${list === undefined ? "all axes" : `[${list}]`}${keep ? ", kept" : ""}`,
        name,
        [distinct(2, 3, 4)],
        (x) => reductions[name](x, list, keep),
        (x) => r.reduce(x, resolved(x, list), keep, folds[name]),
      ),
    ),
  ),
  row(
    `${name} of a scalar`,
    name,
    [normal()],
    (x) => reductions[name](x),
    (x) => x,
  ),
  row(
    `${name} of four axes`,
    name,
    [distinct(2, 2, 3, 2)],
    (x) => [reductions[name](x, [0, 2, 3]), reductions[name](x, 1, true)],
    (x) => [r.reduce(x, [0, 2, 3], false, folds[name]), r.reduce(x, [1], true, folds[name])],
  ),
]);
const tied = of([2, 4], [1, 5, 5, 2, -3, -3, -3, -3]);
const shares = (weights: readonly Array64[], x: readonly Array64[], extreme: (values: number[]) => number) => {
  const tops = r.reduce(x[0]!, [1], true, extreme);
  const hits = r.zip((v, t) => Number(v === t), x[0]!, tops);
  const counts = r.reduce(hits, [1], true, r.sum);
  return r.zip((h, n, w) => (h / n) * w, hits, counts, r.reshape(weights[0]!, [2, 1]));
};
const tieCases = [
  row(
    "reduceMax shares the gradient of a tie",
    "reduceMax",
    [tied],
    (x) => g.reduceMax(x, 1),
    (x) => r.reduce(x, [1], false, folds.reduceMax),
    {
      gradients: { 0: (w, x) => shares(w, x, folds.reduceMax) },
    },
  ),
  row(
    "reduceMin shares the gradient of a tie",
    "reduceMin",
    [tied],
    (x) => g.reduceMin(x, -1),
    (x) => r.reduce(x, [1], false, folds.reduceMin),
    {
      gradients: { 0: (w, x) => shares(w, x, folds.reduceMin) },
    },
  ),
  row(
    "reductions of int32",
    ["reduceSum", "reduceMax", "reduceMin"],
    [of([2, 3], [1, -2, 3, 4, 5, -6], "int32")],
    (x) => [g.reduceSum(x, 1), g.reduceMax(x, 0), g.reduceMin(x)],
    (x) => [
      r.reduce(x, [1], false, r.sum),
      r.reduce(x, [0], false, folds.reduceMax),
      r.reduce(x, [0, 1], false, folds.reduceMin),
    ],
  ),
];

export const reductionFamily: readonly OperationCase[] = [...reductionCases, ...tieCases];
