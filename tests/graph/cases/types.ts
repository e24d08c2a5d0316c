/** Casts between element types, float16 arithmetic, and factors that products take in. */
import * as g from "../../../src/graph/index.js";
import { normal, type OperationCase, of, row } from "../../support/conformance.js";
import * as r from "../../support/reference.js";

const casts: readonly [g.DType, g.DType, number[], (x: number) => number][] = [
  ["float32", "int32", [1.7, -1.7, 0, 300.2], Math.trunc],
  ["float32", "int64", [1.7, -1.7, 0, 300.2], Math.trunc],
  ["float32", "bool", [1.5, 0, -2, 0.1], (x) => Number(x !== 0)],
  ["int32", "float32", [-3, 7, 0, 16777216], (x) => x],
  ["int64", "float32", [-3, 7, 0, 16777216], (x) => x],
  ["uint8", "float32", [0, 1, 128, 255], (x) => x],
  ["bool", "float32", [0, 1, 1, 0], (x) => x],
  ["bool", "int32", [0, 1, 1, 0], (x) => x],
  ["int32", "int64", [-3, 7, 0, 2147483647], (x) => x],
];
const castRow = (from: g.DType, to: g.DType, values: number[], f: (x: number) => number) =>
  row(
    `cast ${from} to ${to}`,
    "cast",
    [of([4], values, from)],
    (x) => g.cast(x, to),
    (x) => r.map(x, f),
    {
      forwardOnly: true,
    },
  );
const castCases = [
  ...casts.map((entry) => castRow(...entry)),
  row(
    "cast through int32 stops the gradient",
    "cast",
    [of([3], [0.5, -1.25, 2])],
    (x) => g.add(x, g.cast(g.cast(x, "int32"), "float32")),
    (x) => r.map(x, (v) => v + Math.trunc(v)),
    { gradients: { 0: ([w]) => w! } },
  ),
];

const factorCases = [
  row(
    "scale",
    "scale",
    [normal(2, 3)],
    (x) => g.scale(x, -2.5),
    (x) => r.map(x, (v) => -2.5 * v),
  ),
  row(
    "scale of scale is merged",
    ["scale", "unscale"],
    [normal(2, 3)],
    (x) => g.scale(g.multiply(g.scale(x, 3), -0.5), 2),
    (x) => r.map(x, (v) => -3 * v),
  ),
  row(
    "scale to one and to zero",
    "scale",
    [normal(3)],
    (x) => [g.scale(g.scale(x, 4), 0.25), g.scale(x, 0)],
    (x) => [x, r.map(x, () => 0)],
  ),
  row(
    "scaled matrices, factors folded",
    ["scale", "matmul"],
    [normal(2, 3), normal(3, 2)],
    (a, b) => g.matmul(g.scale(a, 2), g.scale(b, -0.5), { alpha: 3 }),
    (a, b) => r.matmul(a, b, false, false, -3),
  ),
  row(
    "a scaled matrix read by a product and by others",
    ["scale", "matmul"],
    [normal(2, 3), normal(3, 2)],
    (a, b) => {
      const doubled = g.scale(a, 2);
      return [g.matmul(doubled, b), g.tanh(doubled), g.matmul(doubled, doubled, { transposeB: true })];
    },
    (a, b) => [r.matmul(a, b, false, false, 2), r.map(a, (v) => Math.tanh(2 * v)), r.matmul(a, a, false, true, 4)],
  ),
  row(
    "scaled operands of gemm; the addend keeps its factor",
    ["scale", "gemm"],
    [normal(2, 3), normal(3, 2), normal(2)],
    (a, b, c) => g.gemm(g.scale(a, 2), g.scale(b, 1.5), g.scale(c, -4)),
    (a, b, c) => r.zip((p, q) => p - 4 * q, r.matmul(a, b, false, false, 3), c),
  ),
  row(
    "addAll",
    "addAll",
    [normal(2, 3), normal(2, 3), normal(2, 3)],
    (a, b, c) => g.addAll([a, b, c, a]),
    (a, b, c) => r.zip((p, q, s) => 2 * p + q + s, a, b, c),
  ),
  row(
    "sumTo",
    "sumTo",
    [normal(4, 2, 3)],
    (x) => [g.sumTo(x, [2, 1]), g.sumTo(x, []), g.sumTo(x, [4, 1, 3]), g.sumTo(x, [4, 2, 3])],
    (x) => [
      r.reshape(r.reduce(x, [0, 2], true, r.sum), [2, 1]),
      r.reduce(x, [0, 1, 2], false, r.sum),
      r.reduce(x, [1], true, r.sum),
      x,
    ],
  ),
];

const half = (shape: number[], values: number[]) => of(shape, values, "float16");
export const halfCases: readonly OperationCase[] = [
  castRow("float32", "float16", [0.5, -1.25, 2048, 0], (x) => x),
  castRow("float16", "float32", [0.5, -1.25, 2048, 0], (x) => x),
  row(
    "cast through float16 and back passes the gradient",
    "cast",
    [of([3], [0.5, -1.25, 2])],
    (x) => g.cast(g.cast(x, "float16"), "float32"),
    (x) => x,
    {
      tolerance: 2e-3,
    },
  ),

  row(
    "float16 arithmetic",
    ["add", "multiply", "divide", "scale"],
    [half([4], [1, 2, -3, 0.5]), half([4], [2, 4, 8, 0.25])],
    (a, b) => [g.add(a, b), g.multiply(a, b), g.divide(a, b), g.scale(a, 1.5), g.subtract(1, a)],
    (a, b) => [
      r.zip((x, y) => x + y, a, b),
      r.zip((x, y) => x * y, a, b),
      r.zip((x, y) => x / y, a, b),
      r.map(a, (v) => 1.5 * v),
      r.map(a, (v) => 1 - v),
    ],
    { tolerance: 1e-3 },
  ),
  row(
    "float16 matmul, softmax and reductions",
    ["matmul", "softmax", "reduceSum"],
    [half([2, 2], [1, 2, -3, 0.5]), half([2, 2], [2, 4, 8, 0.25])],
    (a, b) => [g.matmul(a, b), g.matmul(a, b, { transposeB: true, alpha: 0.5 }), g.reduceSum(a, 0), g.reduceMean(b)],
    (a, b) => [
      r.matmul(a, b),
      r.matmul(a, b, false, true, 0.5),
      r.reduce(a, [0], false, r.sum),
      r.reduce(b, [0, 1], false, r.mean),
    ],
    { tolerance: 2e-3 },
  ),
];

export const typeFamily: readonly OperationCase[] = [...castCases, ...factorCases];
