/** Rows by index, one-hot vectors, ordering and stopped gradients. */
import * as g from "../../../src/graph/index.js";
import { noGradient, normal, type OperationCase, of, row } from "../../support/conformance.js";
import * as r from "../../support/reference.js";

const repeated = [2, 0, 2, 3, 2, 0];
const gatherCases = [
  row(
    "gatherRows with repeated rows",
    "gatherRows",
    [normal(4, 3), of([6], repeated, "int32")],
    g.gatherRows,
    r.gatherRows,
  ),
  row(
    "gatherRows by int64 indices of two axes",
    "gatherRows",
    [normal(4, 2, 2), of([2, 3], repeated, "int64")],
    g.gatherRows,
    r.gatherRows,
  ),
  row(
    "gatherRows of a vector by one index",
    "gatherRows",
    [normal(5), of([], [3], "int32")],
    g.gatherRows,
    r.gatherRows,
  ),
  row(
    "gatherRows of int32 rows",
    "gatherRows",
    [of([3, 2], [1, 2, 3, 4, 5, 6], "int32"), of([2], [2, 0], "int32")],
    g.gatherRows,
    r.gatherRows,
  ),
  ...(["int32", "int64"] as const).flatMap((dtype) => [
    row(
      `oneHot of ${dtype}, some out of range`,
      "oneHot",
      [of([5], [0, 2, 3, -1, 1], dtype)],
      (x) => g.oneHot(x, 3),
      (x) => r.oneHot(x, 3),
    ),
    row(
      `oneHot of ${dtype} with two axes`,
      "oneHot",
      [of([2, 2], [0, 2, 1, 1], dtype)],
      (x) => g.oneHot(x, 3, "int32"),
      (x) => r.oneHot(x, 3),
    ),
  ]),
];

const notANumber = of([2, 2], [Number.NaN, 1, 2, 3]);
const controlCases = [
  row("after is its first operand, in value and gradient", "after", [normal(2, 3), normal(4)], g.after, (x) => x, {
    gradients: { 1: noGradient(1) },
  }),
  row(
    "after a scalar, and after NaN",
    "after",
    [normal(3), normal(), notANumber],
    (x, s, n) => g.after(g.after(x, s), n),
    (x) => x,
    {
      gradients: { 1: noGradient(1), 2: noGradient(2) },
    },
  ),
  row(
    "after of a scalar, and after many of every rank",
    "after",
    [normal(), normal(2, 3), normal(4), normal(), normal(2, 1, 2), normal(1, 1)],
    (x, ...many) => [g.after(x, many[0]!), g.multiply(g.after(x, ...many), 2), g.after(many[0]!, ...many.slice(1))],
    (x, first) => [x, r.map(x, (v) => 2 * v), first],
    { gradients: { 2: noGradient(2), 3: noGradient(3), 4: noGradient(4), 5: noGradient(5) } },
  ),
  row("after infinity", "after", [normal(3), of([1], [Number.POSITIVE_INFINITY])], g.after, (x) => x, {
    gradients: { 1: noGradient(1) },
  }),
  row(
    "stopGradient",
    "stopGradient",
    [normal(2, 2)],
    (x) => g.multiply(x, g.stopGradient(g.exp(x))),
    (x) => r.map(x, (v) => v * Math.exp(v)),
    {
      gradients: { 0: ([w], [x]) => r.zip((a, v) => a * Math.exp(v), w!, x!) },
    },
  ),
  row(
    "stopGradient of a branch that is read elsewhere",
    "stopGradient",
    [normal(3)],
    (x) => {
      const y = g.tanh(x);
      return g.add(y, g.multiply(g.stopGradient(y), 5));
    },
    (x) => r.map(x, (v) => 6 * Math.tanh(v)),
    {
      gradients: { 0: ([w], [x]) => r.zip((a, v) => a * (1 - Math.tanh(v) ** 2), w!, x!) },
    },
  ),
];

export const selectionFamily: readonly OperationCase[] = [...gatherCases, ...controlCases];
