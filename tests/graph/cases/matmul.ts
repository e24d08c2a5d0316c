/** Matrix products: transposes, factors, batches, broadcasting, addends. */
import * as g from "../../../src/graph/index.js";
import { normal, type OperationCase, row } from "../../support/conformance.js";
import * as r from "../../support/reference.js";

const flags = [false, true];
const swapped = (shape: readonly number[], transposed: boolean) =>
  transposed ? [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!] : [...shape];

// shapes of A and B before any transpose
const products: readonly [number[], number[]][] = [
  [
    [2, 3],
    [3, 4],
  ],
  [
    [2, 2, 3],
    [2, 3, 4],
  ],
  [
    [2, 3],
    [2, 3, 4],
  ],
  [
    [2, 2, 3],
    [3, 4],
  ],
  [
    [2, 1, 2, 3],
    [3, 3, 2],
  ],
  [
    [1, 2, 3],
    [3, 3, 2],
  ],
  [
    [3, 2, 3],
    [1, 3, 2],
  ],
  [
    [2, 2, 2, 3],
    [2, 2, 3, 2],
  ],
  [
    [1, 1],
    [1, 1],
  ],
  [
    [3, 1],
    [1, 2],
  ],
  [
    [1, 4],
    [4, 1],
  ],
];
const matmulCases = products.flatMap(([a, b]) =>
  flags.flatMap((transposeA) =>
    flags.flatMap((transposeB) =>
      [1, -0.5].map((alpha) =>
        row(
          `matmul [${a}]${transposeA ? "^T" : ""} [${b}]${transposeB ? "^T" : ""}${alpha === 1 ? "" : ` times ${alpha}`}`,
          "matmul",
          [normal(...swapped(a, transposeA)), normal(...swapped(b, transposeB))],
          (x, y) => g.matmul(x, y, { transposeA, transposeB, alpha }),
          (x, y) => r.matmul(x, y, transposeA, transposeB, alpha),
        ),
      ),
    ),
  ),
);

const addends: readonly (number[] | undefined)[] = [undefined, [4], [1, 4], [2, 1], [2, 4], [], [1]];
const gemmCases = [
  ...flags.flatMap((transposeA) =>
    flags.flatMap((transposeB) =>
      addends.map((addend, i) => {
        const alpha = i % 2 === 0 ? 1 : 2.5;
        const shapes = [swapped([2, 3], transposeA), swapped([3, 4], transposeB), ...(addend ? [addend] : [])];
        return row(
          `gemm${transposeA ? " A^T" : ""}${transposeB ? " B^T" : ""} plus ${addend ? `[${addend}]` : "nothing"} times ${alpha}`,
          "gemm",
          shapes.map((shape) => normal(...shape)),
          (a, b, c) => g.gemm(a, b, c, { transposeA, transposeB, alpha }),
          (a, b, c) => {
            const product = r.matmul(a, b, transposeA, transposeB, alpha);
            return c ? r.zip((p, q) => p + q, product, c) : product;
          },
        );
      }),
    ),
  ),
];

const linearCases = [[3], [2, 3], [2, 2, 3], [2, 1, 2, 3]].flatMap((shape) =>
  flags.map((biased) =>
    row(
      `linear of [${shape}]${biased ? " with bias" : ""}`,
      "linear",
      [normal(...shape), normal(3, 2), ...(biased ? [normal(2)] : [])],
      (x, kernel, bias) => g.linear(x, kernel, bias),
      (x, kernel, bias) => {
        const rows = r.matmul(r.reshape(x, [x.data.length / 3, 3]), kernel);
        const out = r.reshape(rows, [...x.shape.slice(0, -1), 2]);
        return bias ? r.zip((p, q) => p + q, out, bias) : out;
      },
    ),
  ),
);

const chained = [
  row(
    "one transposed matrix times a stack of many columns",
    "matmul",
    [normal(1, 2), normal(2, 1, 130)],
    (a, b) => g.matmul(a, b, { transposeA: true, alpha: 2 }),
    (a, b) => r.matmul(a, b, true, false, 2),
  ),
  row(
    "a product of a product with itself",
    "matmul",
    [normal(3, 3)],
    (x) => g.matmul(g.matmul(x, x), x, { transposeB: true }),
    (x) => r.matmul(r.matmul(x, x), x, false, true),
  ),
  row(
    "scores and values of attention over heads",
    ["matmul", "softmax", "scale"],
    [normal(2, 2, 3, 4), normal(2, 2, 3, 4), normal(2, 2, 3, 4)],
    (q, k, v) => g.matmul(g.scale(g.matmul(g.scale(q, 0.5), k, { transposeB: true }), 3), v),
    (q, k, v) => r.matmul(r.matmul(q, k, false, true, 1.5), v),
  ),
];

export const matmulFamily: readonly OperationCase[] = [...matmulCases, ...gemmCases, ...linearCases, ...chained];
