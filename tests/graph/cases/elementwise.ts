/** Arithmetic with broadcasting, unary functions, comparisons, selection. */
import * as g from "../../../src/graph/index.js";
import type { Array64 } from "../../support/arrays.js";
import { distinct, noGradient, normal, type OperationCase, of, positive, row } from "../../support/conformance.js";
import * as r from "../../support/reference.js";
import { erf } from "../../support/reference-network.js";

const binaryOperations = {
  add: g.add,
  subtract: g.subtract,
  multiply: g.multiply,
  divide: g.divide,
  maximum: g.maximum,
  minimum: g.minimum,
};
type Binary = keyof typeof arithmetic;
const arithmetic = {
  add: (a: number, b: number) => a + b,
  subtract: (a: number, b: number) => a - b,
  multiply: (a: number, b: number) => a * b,
  divide: (a: number, b: number) => a / b,
  maximum: Math.max,
  minimum: Math.min,
};
const shapePairs: readonly [number[], number[]][] = [
  [
    [2, 3],
    [2, 3],
  ],
  [[2, 3], [3]],
  [[3], [2, 3]],
  [
    [2, 1],
    [1, 3],
  ],
  [
    [3, 1, 2],
    [4, 1],
  ],
  [[], [2, 2]],
  [[2, 2], []],
  [[], []],
  [[1, 1, 3], [3]],
];

const binaryCases = (Object.keys(arithmetic) as Binary[]).flatMap((name) => {
  const extreme = name === "maximum" || name === "minimum";
  const left = extreme ? distinct : normal;
  // halves of the left grid shifted by 0.03: no two entries are equal
  const shifted =
    (...shape: number[]) =>
    (random: () => number) => {
      const value = distinct(...shape)(random);
      return { ...value, data: value.data.map((x) => Math.fround(x + 0.03)) };
    };
  const right = extreme ? shifted : name === "divide" ? positive : normal;
  return [
    ...shapePairs.map(([a, b]) =>
      row(
        `${name} [${a}] with [${b}]`,
        name,
        [left(...a), right(...b)],
        (x, y) => binaryOperations[name](x, y),
        (x, y) => r.zip(arithmetic[name], x, y),
      ),
    ),
    row(
      `${name} of a tensor and a number`,
      name,
      [distinct(2, 3)],
      (x) => binaryOperations[name](x, 0.75),
      (x) => r.map(x, (value) => arithmetic[name](value, 0.75)),
    ),
    row(
      `${name} of a number and a tensor`,
      name,
      [positive(2, 3)],
      (x) => binaryOperations[name](1.4, x),
      (x) => r.map(x, (value) => arithmetic[name](1.4, value)),
    ),
    row(
      `${name} of a tensor with itself`,
      name,
      [positive(2, 3)],
      (x) => binaryOperations[name](x, x),
      (x) => r.map(x, (value) => arithmetic[name](value, value)),
      extreme ? { gradients: { 0: (weights) => weights[0]! } } : {},
    ),
  ];
});

const tied = of([4], [1, -2, 3, 0]);
// what a 1x1 kernel meets in an optimizer: written with a scalar of as many axes
const trailingCases = [
  row(
    "a scalar beside many entries whose last axes are 1",
    ["subtract", "scale", "divide"],
    [normal(64, 16, 1, 1), positive()],
    (x, s) => g.divide(g.subtract(s, g.scale(x, 3)), s),
    (x, s) => r.map(x, (value) => (s.data[0]! - 3 * value) / s.data[0]!),
  ),
];

const extremeCases = [
  row("maximum gives a tie's gradient to the first operand", "maximum", [tied, tied], g.maximum, (x) => x, {
    gradients: { 0: ([w]) => w!, 1: noGradient(1) },
  }),
  row("minimum gives a tie's gradient to the first operand", "minimum", [tied, tied], g.minimum, (x) => x, {
    gradients: { 0: ([w]) => w!, 1: noGradient(1) },
  }),
];

const integers = (dtype: g.DType) => [of([2, 3], [1, 2, 3, -4, 5, 60], dtype), of([3], [7, 2, -3], dtype)];
const integerCases = (["int32", "int64"] as const).flatMap((dtype) =>
  (["add", "subtract", "multiply", "maximum", "minimum"] as const).map((name) =>
    row(
      `${name} of ${dtype}`,
      name,
      integers(dtype),
      (x, y) => binaryOperations[name](x, y),
      (x, y) => r.zip(arithmetic[name], x, y),
    ),
  ),
);

const powerCases = [
  row("power of a positive base", "power", [positive(2, 3), normal(3)], g.power, (a, b) => r.zip(Math.pow, a, b), {
    gradients: { 1: noGradient(1) },
  }),
  ...[2, 3, 0.5, -1, 1].map((exponent) =>
    row(
      `power ${exponent}`,
      "power",
      [positive(2, 3)],
      (x) => g.power(x, exponent),
      (x) => r.map(x, (value) => value ** exponent),
    ),
  ),
  ...[2, 3].map((exponent) =>
    row(
      `power ${exponent} of negative and positive numbers`,
      "power",
      [distinct(2, 3)],
      (x) => g.power(x, exponent),
      (x) => r.map(x, (value) => value ** exponent),
    ),
  ),
  row(
    "power of a number to a tensor",
    "power",
    [normal(3)],
    (x) => g.power(2, x),
    (x) => r.map(x, (v) => 2 ** v),
    {
      gradients: { 0: noGradient(0) },
    },
  ),
];

/** The nearest integer, of two the even one; Math.round takes the larger. */
const roundToEven = (x: number): number => {
  const above = Math.round(x);
  return above - x === 0.5 && above % 2 !== 0 ? above - 1 : above;
};
type Unary = keyof typeof unary;
const unaryOperations = {
  negate: g.negate,
  exp: g.exp,
  log: g.log,
  sqrt: g.sqrt,
  reciprocal: g.reciprocal,
  tanh: g.tanh,
  sigmoid: g.sigmoid,
  erf: g.erf,
  relu: g.relu,
  softplus: g.softplus,
  absolute: g.absolute,
  sin: g.sin,
  cos: g.cos,
  sign: g.sign,
  floor: g.floor,
  round: g.round,
};
const unary = {
  negate: (x: number) => -x,
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  reciprocal: (x: number) => 1 / x,
  tanh: Math.tanh,
  sigmoid: (x: number) => 1 / (1 + Math.exp(-x)),
  erf,
  relu: (x: number) => Math.max(x, 0),
  softplus: (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  absolute: Math.abs,
  sin: Math.sin,
  cos: Math.cos,
  sign: Math.sign,
  floor: Math.floor,
  round: roundToEven,
};
const isStepwise = (name: Unary) => name === "sign" || name === "floor" || name === "round";
const needPositive = new Set<Unary>(["log", "sqrt", "reciprocal"]);
const unaryCases = (Object.keys(unary) as Unary[]).flatMap((name) => {
  const draw = needPositive.has(name) ? positive : distinct;
  return [[2, 3, 5], [], [7]].map((shape) =>
    row(
      `${name} of [${shape}]`,
      name,
      [draw(...shape)],
      (x) => unaryOperations[name](x),
      (x) => r.map(x, unary[name]),
      // WGSL allows an error of 2^-11 for both (golden.test.ts compares them closely on the CPU)
      {
        tolerance: name === "sin" || name === "cos" ? 2e-3 : 1e-4,
        gradients: isStepwise(name) ? { 0: noGradient(0) } : {},
      },
    ),
  );
});
const extremes = of([6], [-100, -30, -5, 5, 30, 80]);
const saturated = (["tanh", "sigmoid", "softplus", "erf", "relu", "absolute", "sign"] as const).map((name) =>
  row(
    `${name} far from zero`,
    name,
    [extremes],
    (x) => unaryOperations[name](x),
    (x) => r.map(x, unary[name]),
  ),
);

// at the kinks: PyTorch's gradients there are closed forms
const kinks = of([5], [-2, -0.5, 0, 0.5, 2]);
const kinkCases = [
  row("absolute has the gradient 0 at 0", "absolute", [kinks], g.absolute, (x) => r.map(x, Math.abs), {
    gradients: { 0: ([w], [x]) => r.zip((a, v) => a * Math.sign(v), w!, x!) },
  }),
  row(
    "sign, floor and round have no gradient",
    ["sign", "floor", "round"],
    [kinks],
    (x) => [g.sign(x), g.floor(x), g.round(x)],
    (x) => [r.map(x, Math.sign), r.map(x, Math.floor), r.map(x, (v) => (v === -2 || v === 2 ? v : 0))],
    { gradients: { 0: noGradient(0) } },
  ),
  row(
    "round takes a half to the even integer",
    "round",
    [of([8], [-3.5, -2.5, -1.5, -0.75, 0.25, 1.5, 2.5, 3.5])],
    g.round,
    () => ({ shape: [8], data: Float64Array.of(-4, -2, -2, -1, 0, 2, 2, 4) }),
    { gradients: { 0: noGradient(0) } },
  ),
];

const clamps: readonly [number, number][] = [
  [-0.3, 0.3],
  [Number.NEGATIVE_INFINITY, 0.2],
  [-0.25, Number.POSITIVE_INFINITY],
  [-100, 100],
];
const clampOf = (x: Array64, low: number, high: number) => r.map(x, (v) => Math.min(Math.max(v, low), high));
const clampCases = [
  ...clamps.map(([low, high]) =>
    row(
      `clamp from ${low} to ${high}`,
      "clamp",
      [distinct(2, 5)],
      (x) => g.clamp(x, low, high),
      (x) => clampOf(x, low, high),
    ),
  ),
  row(
    "clamp passes the gradient at both ends of the interval",
    "clamp",
    [kinks],
    (x) => g.clamp(x, -0.5, 0.5),
    (x) => clampOf(x, -0.5, 0.5),
    { gradients: { 0: ([w], [x]) => r.zip((a, v) => (Math.abs(v) <= 0.5 ? a : 0), w!, x!) } },
  ),
  row(
    "clamp to one number",
    "clamp",
    [of([3], [-1, 0.25, 2])],
    (x) => g.clamp(x, 0.25, 0.25),
    (x) => r.map(x, () => 0.25),
    { gradients: { 0: ([w], [x]) => r.zip((a, v) => (v === 0.25 ? a : 0), w!, x!) } },
  ),
];

const comparisons = {
  less: (a: number, b: number) => Number(a < b),
  greater: (a: number, b: number) => Number(a > b),
  equal: (a: number, b: number) => Number(a === b),
};
const comparisonOperations = { less: g.less, greater: g.greater, equal: g.equal };
const comparisonCases = (Object.keys(comparisons) as (keyof typeof comparisons)[]).flatMap((name) => [
  ...(["float32", "int32", "int64"] as const).map((dtype) =>
    row(
      `${name} of ${dtype}`,
      name,
      [of([2, 3], [1, 2, 3, 3, 2, 1], dtype), of([3], [2, 2, 2], dtype)],
      (a, b) => comparisonOperations[name](a, b),
      (a, b) => r.zip(comparisons[name], a, b),
    ),
  ),
  row(
    `${name} of a tensor and a number`,
    name,
    [of([4], [-1, 0, 1, 0.5])],
    (a) => comparisonOperations[name](a, 0.5),
    (a) => r.map(a, (value) => comparisons[name](value, 0.5)),
  ),
]);

const bits = of([2, 2], [1, 0, 1, 0], "bool");
const choose = (condition: Array64, a: Array64, b: Array64) => r.zip((c, x, y) => (c ? x : y), condition, a, b);
const selectionCases = [
  row("and", "and", [bits, of([2], [1, 1], "bool")], g.and, (a, b) => r.zip((x, y) => x * y, a, b)),
  row("or", "or", [bits, of([2], [0, 1], "bool")], g.or, (a, b) => r.zip((x, y) => Math.max(x, y), a, b)),
  row(
    "and, or with numbers",
    ["and", "or"],
    [bits],
    (a) => [g.and(a, 0), g.or(1, a)],
    (a) => [r.map(a, () => 0), r.map(a, () => 1)],
  ),
  row("not", "not", [bits], g.not, (a) => r.map(a, (x) => 1 - x)),
  row(
    "where between two numbers",
    ["and", "not", "or"],
    [normal(2, 3)],
    (x) => g.where(g.and(g.not(g.less(x, -0.4)), g.or(g.less(x, 0.3), g.equal(x, 0.3))), g.multiply(x, 2), g.exp(x)),
    (x) => r.map(x, (v) => (v >= -0.4 && v <= 0.3 ? 2 * v : Math.exp(v))),
  ),
  row(
    "bitwiseXor of int32",
    "bitwiseXor",
    [of([3], [5, -1, 2147483647], "int32"), of([3], [3, 7, -2], "int32")],
    g.bitwiseXor,
    (a, b) => r.zip((x, y) => x ^ y, a, b),
  ),
  row("where, all shapes equal", "where", [bits, normal(2, 2), normal(2, 2)], g.where, choose),
  row("where, all three broadcast", "where", [of([2, 1, 1], [1, 0], "bool"), normal(3, 1), normal(2)], g.where, choose),
  row("where, scalar operands", "where", [bits, normal(), normal(2, 1)], g.where, choose),
  row("where of int32", "where", [bits, of([2], [4, 5], "int32"), of([], [-7], "int32")], g.where, choose),
];

export const elementwiseCases: readonly OperationCase[] = [
  ...binaryCases,
  ...trailingCases,
  ...extremeCases,
  ...integerCases,
  ...powerCases,
  ...unaryCases,
  ...saturated,
  ...kinkCases,
  ...clampCases,
  ...comparisonCases,
  ...selectionCases,
];
