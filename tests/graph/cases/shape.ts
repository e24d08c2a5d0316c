/** Moving values: reshape, transpose, slice, pad, concat, split, expand. */
import * as g from "../../../src/graph/index.js";
import { type Array64, at, build } from "../../support/arrays.js";
import { normal, type OperationCase, of, row } from "../../support/conformance.js";
import * as r from "../../support/reference.js";

const reshapes: readonly [number[], number[], number[]][] = [
  [
    [2, 3],
    [3, 2],
    [3, 2],
  ],
  [
    [2, 3, 4],
    [2, -1],
    [2, 12],
  ],
  [[2, 3, 4], [-1], [24]],
  [[1, 1], [], []],
  [[], [1, 1, 1], [1, 1, 1]],
  [[6], [1, 6, -1], [1, 6, 1]],
  [
    [2, 3],
    [2, 3],
    [2, 3],
  ],
];
const reshapeCases = reshapes.map(([from, to, shape]) =>
  row(
    `reshape [${from}] to [${to}]`,
    "reshape",
    [normal(...from)],
    (x) => g.reshape(x, to),
    (x) => r.reshape(x, shape),
  ),
);

const permutations = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
];
const transposeCases = [
  ...permutations.map((p) =>
    row(
      `transpose [${p}]`,
      "transpose",
      [normal(2, 3, 4)],
      (x) => g.transpose(x, p),
      (x) => r.transpose(x, p),
    ),
  ),
  row(
    "transpose reverses by default",
    "transpose",
    [normal(2, 3)],
    (x) => g.transpose(x),
    (x) => r.transpose(x, [1, 0]),
  ),
  row(
    "transpose of four and five axes",
    "transpose",
    [normal(2, 1, 3, 2), normal(2, 1, 2, 3, 2)],
    (x, y) => [g.transpose(x, [0, 2, 3, 1]), g.transpose(y, [4, 0, 3, 1, 2])],
    (x, y) => [r.transpose(x, [0, 2, 3, 1]), r.transpose(y, [4, 0, 3, 1, 2])],
  ),
  row(
    "transpose of int32",
    "transpose",
    [of([2, 2], [1, 2, 3, 4], "int32")],
    (x) => g.transpose(x),
    (x) => r.transpose(x, [1, 0]),
  ),
];

// what is asked for, and the same range counted from the front and clipped
const slices: readonly [number[], number[], number[], number[] | undefined, number[], number[]][] = [
  [[4, 5], [1, 2], [3, 4], undefined, [1, 2], [3, 4]],
  [[4, 5], [-3, -2], [-1, 99], undefined, [1, 3], [3, 5]],
  [[4, 5], [0, 0], [4, 5], undefined, [0, 0], [4, 5]],
  [
    [7, 4],
    [0, 0],
    [7, 4],
    [2, 1],
    [0, 0],
    [7, 4],
  ],
  [
    [7, 4],
    [1, 0],
    [7, 4],
    [3, 2],
    [1, 0],
    [7, 4],
  ],
  [
    [7, 4],
    [2, 1],
    [6, 4],
    [3, 3],
    [2, 1],
    [6, 4],
  ],
  [[8], [-7], [-1], [5], [1], [7]],
  [
    [2, 3, 5],
    [0, 1, 1],
    [2, 2, 5],
    [1, 1, 2],
    [0, 1, 1],
    [2, 2, 5],
  ],
  [
    [2, 2, 5, 6],
    [0, 1, 0, 0],
    [2, 2, 5, 6],
    [1, 1, 2, 3],
    [0, 1, 0, 0],
    [2, 2, 5, 6],
  ],
];
const sliceCases = [
  ...slices.map(([shape, starts, ends, steps, from, to]) =>
    row(
      `slice [${shape}] from [${starts}] to [${ends}] by [${steps ?? "1"}]`,
      "slice",
      [normal(...shape)],
      (x) => g.slice(x, starts, ends, steps),
      (x) => r.slice(x, from, to, steps),
    ),
  ),
  row(
    "slice of int32",
    "slice",
    [of([5], [1, 2, 3, 4, 5], "int32")],
    (x) => g.slice(x, [1], [5], [2]),
    (x) => r.slice(x, [1], [5], [2]),
  ),
  row(
    "sliceAxis",
    "sliceAxis",
    [normal(3, 4)],
    (x) => [g.sliceAxis(x, 0, 1, 3), g.sliceAxis(x, -1, -2, 4)],
    (x) => [r.slice(x, [1, 0], [3, 4]), r.slice(x, [0, 2], [3, 4])],
  ),
  row(
    "interleaveZeros",
    "interleaveZeros",
    [normal(2, 3)],
    (x) => [g.interleaveZeros(x, 0, 2), g.interleaveZeros(x, 1, 3)],
    (x) => [
      r.matmul({ shape: [4, 2], data: Float64Array.of(1, 0, 0, 0, 0, 1, 0, 0) }, x),
      r.matmul(x, {
        shape: [3, 9],
        data: Float64Array.from({ length: 27 }, (_, i) => Number(i === 0 || i === 12 || i === 24)),
      }),
    ],
  ),
];

const pads: readonly [number[], number[], number[], number][] = [
  [[2, 3], [1, 0], [0, 2], 0],
  [[2, 3], [1, 2], [3, 1], -1.5],
  [[4, 4], [-1, 0], [-1, -2], 0],
  [[4, 4], [-1, 2], [1, -2], 0.5],
  [[3, 4], [-1, 2], [2, 0], 0],
  [[3], [2], [-2], 7],
  [[2, 1, 3, 2], [0, 0, 1, 2], [0, 0, 2, 1], 0],
];
const padCases = [
  ...pads.map(([shape, before, after, value]) =>
    row(
      `pad [${shape}] by [${before}] and [${after}] with ${value}`,
      "pad",
      [normal(...shape)],
      (x) => g.pad(x, before, after, value),
      (x) => r.pad(x, before, after, value),
    ),
  ),
  row(
    "pad by nothing",
    "pad",
    [normal(2, 2)],
    (x) => g.pad(x, [0, 0], [0, 0]),
    (x) => x,
  ),
  row(
    "pad of int32",
    "pad",
    [of([2], [4, 5], "int32")],
    (x) => g.pad(x, [1], [2], -3),
    (x) => r.pad(x, [1], [2], -3),
  ),
];

const joinCases = [
  row(
    "concat along the first axis",
    "concat",
    [normal(2, 3), normal(1, 3)],
    (a, b) => g.concat([a, b], 0),
    (a, b) => r.concat([a, b], 0),
  ),
  row(
    "concat along a negative axis",
    "concat",
    [normal(2, 1, 3), normal(2, 2, 3), normal(2, 1, 3)],
    (a, b, c) => g.concat([a, b, c], -2),
    (a, b, c) => r.concat([a, b, c], 1),
  ),
  row(
    "concat of one tensor twice",
    "concat",
    [normal(2, 2)],
    (a) => g.concat([a, g.tanh(a), a], 1),
    (a) => r.concat([a, r.map(a, Math.tanh), a], 1),
  ),
  row(
    "concat of one tensor alone",
    "concat",
    [normal(2)],
    (a) => g.concat([a], 0),
    (a) => a,
  ),
  row(
    "concat of int32",
    "concat",
    [of([2], [1, 2], "int32"), of([1], [3], "int32")],
    (a, b) => g.concat([a, b], 0),
    (a, b) => r.concat([a, b], 0),
  ),
  row(
    "split, all outputs read",
    "split",
    [normal(2, 5)],
    (x) => g.split(x, 1, [2, 1, 2]),
    (x) => r.split(x, 1, [2, 1, 2]),
  ),
  row(
    "split, some outputs never read",
    "split",
    [normal(5, 2)],
    (x) => g.split(x, 0, [1, 3, 1])[1]!,
    (x) => r.split(x, 0, [1, 3, 1])[1]!,
  ),
  row(
    "split along a negative axis, one output read twice",
    "split",
    [normal(2, 2, 4)],
    (x) => {
      const [a, , c] = g.split(x, -1, [1, 1, 2]);
      return [g.multiply(a!, c!), g.exp(c!)];
    },
    (x) => {
      const [a, , c] = r.split(x, 2, [1, 1, 2]);
      return [r.zip((p, q) => p * q, a!, c!), r.map(c!, Math.exp)];
    },
  ),
  row(
    "split into one piece",
    "split",
    [normal(3)],
    (x) => g.split(x, 0, [3]),
    (x) => [x],
  ),
  row(
    "split into three equal heads, as attention does",
    "split",
    [normal(2, 2, 6)],
    (x) => {
      const [q, k, v] = g.split(x, 2, [2, 2, 2]);
      return g.matmul(g.matmul(q!, k!, { transposeB: true }), v!);
    },
    (x) => {
      const [q, k, v] = r.split(x, 2, [2, 2, 2]);
      return r.matmul(r.matmul(q!, k!, false, true), v!);
    },
  ),
];

const expands: readonly [number[], number[]][] = [
  [[3], [2, 3]],
  [
    [2, 1],
    [2, 4],
  ],
  [[], [2, 2]],
  [
    [1, 3, 1],
    [2, 2, 3, 4],
  ],
  [
    [2, 3],
    [2, 3],
  ],
];
const expandCases = [
  ...expands.map(([from, to]) =>
    row(
      `expand [${from}] to [${to}]`,
      "expand",
      [normal(...from)],
      (x) => g.expand(x, to),
      (x) => r.expand(x, to),
    ),
  ),
  row(
    "expand of bool",
    "expand",
    [of([2], [1, 0], "bool")],
    (x) => g.expand(x, [3, 2]),
    (x) => r.expand(x, [3, 2]),
  ),
  row(
    "zerosOf",
    "zerosOf",
    [normal(2, 3)],
    (x) => g.add(g.zerosOf(x), x),
    (x) => x,
  ),
  row(
    "constant and scalar",
    ["constant", "scalar", "input"],
    [normal(2)],
    (x) => g.add(g.multiply(x, g.scalar(-1.5)), g.constant([1, 2], [2])),
    (x) => r.zip((v, c) => -1.5 * v + c, x, { shape: [2], data: Float64Array.of(1, 2) }),
  ),
];

const reversed = (x: Array64, axes: readonly number[]) =>
  build(x.shape, (index) =>
    at(
      x,
      index.map((i, axis) => (axes.includes(axis) ? x.shape[axis]! - 1 - i : i)),
    ),
  );
/** NumPy's rot90 of images [N, S, S, C], by 0 to 3 quarters: element [r, c] is [c, S - 1 - r] of the quarter before. */
const rotated = (x: Array64) => {
  const [count = 0, side = 0, , channels = 0] = x.shape;
  const source = (quarters: number, r: number, c: number): [number, number] =>
    quarters === 0 ? [r, c] : source(quarters - 1, c, side - 1 - r);
  return build([4 * count, side, side, channels], ([n = 0, r = 0, c = 0, channel = 0]) =>
    at(x, [n % count, ...source(Math.floor(n / count), r, c), channel]),
  );
};

const reverseCases = [
  row("four rotations", "fourRotations", [normal(2, 3, 3, 2)], g.fourRotations, rotated),
  row(
    "reverse",
    "reverse",
    [normal(2, 3, 4)],
    (x) => [g.reverse(x, [1]), g.reverse(x, [0, -1]), g.reverse(x, [])],
    (x) => [reversed(x, [1]), reversed(x, [0, 2]), x],
  ),
  row(
    "reverse of int32",
    "reverse",
    [of([4], [1, 2, 3, 4], "int32")],
    (x) => g.reverse(x, [0]),
    (x) => reversed(x, [0]),
  ),
];

/** A chain of moves whose gradient passes through all of them. */
const chain = [
  row(
    "a chain of moves",
    ["reshape", "transpose", "slice", "pad", "concat", "expand"],
    [normal(2, 3, 2)],
    (x) => {
      const y = g.transpose(g.reshape(x, [3, 4]));
      const z = g.pad(g.slice(y, [0, 1], [4, 3], [2, 1]), [1, 0], [0, 1], 0.25);
      return g.multiply(g.expand(g.concat([z, z], 0), [2, 6, 3]), 0.5);
    },
    (x) => {
      const y = r.transpose(r.reshape(x, [3, 4]), [1, 0]);
      const z = r.pad(r.slice(y, [0, 1], [4, 3], [2, 1]), [1, 0], [0, 1], 0.25);
      return r.map(r.expand(r.concat([z, z], 0), [2, 6, 3]), (v) => 0.5 * v);
    },
  ),
];

export const moveCases: readonly OperationCase[] = [
  ...reshapeCases,
  ...transposeCases,
  ...sliceCases,
  ...padCases,
  ...joinCases,
  ...expandCases,
  ...reverseCases,
  ...chain,
];
