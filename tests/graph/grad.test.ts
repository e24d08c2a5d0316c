/** Differentiation as a whole: accumulation, unused parameters, second order, and what it refuses. */
import { expect, test } from "vitest";
import * as g from "../../src/graph/index.js";
import { seeded } from "../support/arrays.js";
import { expectClose, normal, of, positive } from "../support/conformance.js";
import * as r from "../support/reference.js";
import { run, type Value } from "../support/run.js";

const random = seeded(11);
const x23 = normal(2, 3)(random);
const evaluateGradients = async (loss: g.Tensor, parameters: readonly g.Tensor[], feeds: Record<string, Value>) => {
  const gradients = g.grad(loss, parameters);
  return run(Object.fromEntries(gradients.map((gradient, i) => [`g${i}`, gradient])), feeds);
};

test("a value read several times gets the sum of the gradients of its readers", async () => {
  const x = g.input("x", "float32", [2, 3]);
  const y = g.tanh(x);
  const loss = g.reduceSum(g.addAll([g.multiply(y, y), y, g.multiply(x, 3), g.exp(y)]));
  const { g0 } = await evaluateGradients(loss, [x], { x: x23 });
  const wanted = r.map(x23, (v) => {
    const t = Math.tanh(v);
    return (2 * t + 1 + Math.exp(t)) * (1 - t * t) + 3;
  });
  expectClose(g0!, wanted, 1e-5, "gradient");
});

test("parameters the loss does not depend on get zeros of their shape, and constants none is needed for", async () => {
  const x = g.input("x", "float32", [2, 3]);
  const unused = g.input("unused", "float32", [4, 1, 2]);
  const behind = g.input("behind", "float32", [2, 3]);
  const loss = g.reduceSum(g.multiply(x, g.stopGradient(behind)));
  const results = await evaluateGradients(loss, [unused, x, behind], { x: x23, behind: x23 });
  expectClose(results.g0!, { shape: [4, 1, 2], data: new Float64Array(8) }, 0, "unused");
  expectClose(results.g1!, x23, 1e-6, "used");
  expectClose(
    results.g2!,
    r.map(x23, () => 0),
    0,
    "behind stopGradient",
  );
});

test("one parameter asked for twice, and the loss itself", async () => {
  const x = g.input("x", "float32", [2, 3]);
  const loss = g.reduceSum(g.exp(x));
  const results = await evaluateGradients(loss, [x, loss, x], { x: x23 });
  expectClose(results.g0!, r.map(x23, Math.exp), 1e-5, "first");
  expectClose(results.g1!, r.number(1), 0, "the loss");
  expectClose(results.g2!, r.map(x23, Math.exp), 1e-5, "again");
});

test("gradients of values in the middle of the graph", async () => {
  const x = g.input("x", "float32", [2, 3]);
  const y = g.tanh(x);
  const loss = g.reduceSum(g.multiply(y, y));
  const results = await evaluateGradients(loss, [y, x], { x: x23 });
  expectClose(
    results.g0!,
    r.map(x23, (v) => 2 * Math.tanh(v)),
    1e-5,
    "middle",
  );
  expectClose(
    results.g1!,
    r.map(x23, (v) => 2 * Math.tanh(v) * (1 - Math.tanh(v) ** 2)),
    1e-5,
    "start",
  );
});

test("no gradient flows into the condition, the indices or the seed", async () => {
  const x = g.input("x", "float32", [3]);
  const condition = g.greater(x, 0);
  const rows = g.gatherRows(g.multiply(x, x), g.cast(g.absolute(x), "int32"));
  const loss = g.reduceSum(g.where(condition, g.multiply(x, 2), rows));
  const values = of([3], [1.5, -1.25, 2.5])(random);
  const { g0 } = await evaluateGradients(loss, [x], { x: values });
  // entry 1 takes row |−1.25| -> 1 of x^2
  expectClose(g0!, { shape: [3], data: Float64Array.of(2, 2 * -1.25, 2) }, 1e-6, "gradient");
});

test("second-order gradients", async () => {
  const x = g.input("x", "float32", [2, 3]);
  const [first] = g.grad(g.reduceSum(g.multiply(g.power(x, 3), g.exp(x))), [x]);
  const { g0 } = await evaluateGradients(g.reduceSum(first!), [x], { x: positive(2, 3)(seeded(3)) });
  // (x^3 e^x)'' = (x^3 + 6 x^2 + 6 x) e^x
  const wanted = r.map(positive(2, 3)(seeded(3)), (v) => (v ** 3 + 6 * v * v + 6 * v) * Math.exp(v));
  expectClose(g0!, wanted, 1e-4, "second derivative");
});

test("second-order gradients through products, reductions, softmax and convolution", async () => {
  const x = g.input("x", "float32", [1, 2, 3, 3]);
  const w = g.input("w", "float32", [2, 2, 2, 2]);
  const feeds = { x: normal(1, 2, 3, 3)(random), w: normal(2, 2, 2, 2)(random) };
  const lossOf = () => {
    const y = g.convolution2d(x, w, { stride: 2, padding: 1 });
    const scores = g.softmax(g.matmul(g.reshape(y, [2, -1]), g.reshape(y, [2, -1]), { transposeB: true, alpha: 0.5 }));
    return g.reduceSum(g.multiply(g.tanh(y), g.reshape(g.reduceMean(scores, 0), [1, 2, 1, 1])));
  };
  const [first] = g.grad(lossOf(), [w]);
  const direction = normal(2, 2, 2, 2)(random);
  const along = g.reduceSum(g.multiply(first!, g.constant(direction.data, direction.shape)));
  const [second] = g.grad(along, [w]);
  const step = 1e-2;
  const moved = (sign: number) => ({
    ...feeds.w,
    data: feeds.w.data.map((value, i) => value + sign * step * direction.data[i]!),
  });
  const results = await run({ first: first!, second: second! }, feeds);
  const above = await run({ first: first! }, { ...feeds, w: moved(1) });
  const below = await run({ first: first! }, { ...feeds, w: moved(-1) });
  // the Hessian times the direction is the change of the gradient along it (float32: a wide step, a loose tolerance)
  const change = above.first!.values.map((value, i) => (value - below.first!.values[i]!) / (2 * step));
  const largest = Math.max(...change.map(Math.abs));
  change.forEach((wanted, i) => {
    expect(Math.abs(results.second!.values[i]! - wanted)).toBeLessThan(3e-3 * largest);
  });
});

test("operations that keep values for the backward pass alone refuse a second differentiation rather than lose terms", () => {
  const x = g.input("x", "float32", [2, 3]);
  const one = g.constant([1, 1, 1], [3]);
  for (const y of [g.gelu(x, "tanh"), g.gelu(x, "erf"), g.layerNorm(x, one, one), g.standardise(x, 1e-3)]) {
    const [first] = g.grad(g.reduceSum(g.multiply(y, y)), [x]);
    expect(() => g.grad(g.reduceSum(first!), [x])).toThrow(/grad: (gelu|layerNorm|standardise) .*second/);
  }
});

test("the loss must be a float scalar", () => {
  const x = g.input("x", "float32", [2, 3]);
  const n = g.input("n", "int32", []);
  expect(() => g.grad(x, [x])).toThrow(/grad: the loss must be a float scalar, got float32 \[2, 3\]/);
  expect(() => g.grad(n, [x])).toThrow(/grad: the loss must be a float scalar, got int32 \[\]/);
  expect(() => g.grad(g.reshape(g.reduceSum(x), [1]), [x])).toThrow(g.ShapeError);
});

test("a scaled tensor is refused as parameter, because products take its factor in and read its source", () => {
  const w = g.input("w", "float32", [2, 3]);
  const scaled = g.scale(w, 2);
  const loss = g.reduceSum(g.matmul(scaled, w, { transposeB: true }));
  expect(() => g.grad(loss, [scaled])).toThrow(/grad: .*scaled/);
  expect(g.grad(loss, [w])).toHaveLength(1);
});

test("gradients do not change the graph they extend", async () => {
  const x = g.input("x", "float32", [2, 3]);
  const y = g.exp(x);
  const before = g.reachable([y]).length;
  g.grad(g.reduceSum(y), [x]);
  expect(g.reachable([y])).toHaveLength(before);
});
