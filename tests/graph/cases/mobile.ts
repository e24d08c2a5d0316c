/** What MobileNets have besides convolutions: batch norm with the statistics of the batch, and the hard activations. */
import * as g from "../../../src/graph/index.js";
import { around, normal, type OperationCase, of, row } from "../../support/conformance.js";
import * as r from "../../support/reference.js";
import * as n from "../../support/reference-network.js";

const wide = of([9], [-12, -5, -3, -0.5, 0, 0.5, 3, 5, 12]);
const hardSigmoid = (x: number) => Math.min(Math.max(x / 6 + 0.5, 0), 1);
const slope = (x: number) => (Math.abs(x) < 3 ? 1 / 6 : 0);

export const mobileFamily: readonly OperationCase[] = [
  row(
    "hardSigmoid and hardSwish, also where they are constant",
    ["hardSigmoid", "hardSwish"],
    [wide],
    (x) => [g.hardSigmoid(x), g.hardSwish(x)],
    (x) => [r.map(x, hardSigmoid), r.map(x, (value) => value * hardSigmoid(value))],
    // the derivatives at -3 and 3, where it has a kink, are those outside
    {
      gradients: {
        0: ([a, b], [x]) => r.zip((p, q, v) => p * slope(v) + q * (hardSigmoid(v) + v * slope(v)), a!, b!, x!),
      },
    },
  ),
  ...[
    [4, 3, 5],
    [2, 3, 2, 3],
    [1, 2, 4, 4],
    [3, 1, 1, 2],
  ].flatMap((shape) =>
    [1e-3, 0.1].map((epsilon) =>
      row(
        `batchNorm of [${shape}], epsilon ${epsilon}`,
        "batchNorm",
        [around(1, ...shape), normal(shape[1]!), normal(shape[1]!)],
        (x, s, b) => g.batchNorm(x, s, b, epsilon).y,
        (x, s, b) => n.batchNorm(x, s, b, epsilon).y,
        { tolerance: 3e-4 },
      ),
    ),
  ),
  row(
    "batchNorm of two images with one scale and bias, and of one of them with another",
    "batchNorm",
    [around(1, 2, 3, 2, 2), around(-2, 2, 3, 2, 2), normal(3), normal(3), normal(3)],
    // the runtime's node overwrites operands, which must not be those of another one
    (x, z, s, b, c) => [g.batchNorm(x, s, b), g.batchNorm(z, s, b), g.batchNorm(x, s, c)].flatMap(Object.values),
    (x, z, s, b, c) =>
      [n.batchNorm(x, s, b, 1e-5), n.batchNorm(z, s, b, 1e-5), n.batchNorm(x, s, c, 1e-5)].flatMap(Object.values),
    { forwardOnly: true },
  ),
  row(
    "batchNorm's statistics, epsilon 1e-5 by default",
    "batchNorm",
    [around(2, 3, 2, 2, 2), normal(2), normal(2)],
    (x, s, b) => Object.values(g.batchNorm(x, s, b)),
    (x, s, b) => Object.values(n.batchNorm(x, s, b, 1e-5)),
    { forwardOnly: true },
  ),
];
