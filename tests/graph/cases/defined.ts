/** Operations defined outside of the package: of ONNX nodes and of other operations, with their own gradients. */
import * as g from "../../../src/graph/index.js";
import { distinct, normal, type OperationCase, row } from "../../support/conformance.js";
import * as r from "../../support/reference.js";

/** x sigmoid(beta x), one node after another; its gradient is sigmoid(beta x) (1 + beta (x - y)). */
export const swish = g.defineOperation({
  name: "swish",
  inputs: 1,
  infer: ([x], _: { beta: number }) => [x],
  emit: ({ inputs: [x], outputs: [y], attributes: { beta } }, emitter) => {
    const [scaled, gate] = [emitter.temporary(), emitter.temporary()];
    emitter.node("Mul", [emitter.name(x), emitter.float(beta)], [scaled]);
    emitter.node("Sigmoid", [scaled], [gate]);
    emitter.node("Mul", [emitter.name(x), gate], [emitter.name(y)]);
  },
  gradient: ({ inputs: [x], outputs: [y], attributes: { beta } }, [gradient]) => {
    if (!gradient) return [undefined];
    const gate = g.sigmoid(g.multiply(x, beta));
    return [g.multiply(gradient, g.multiply(gate, g.add(1, g.multiply(g.subtract(x, y), beta))))];
  },
});
const plainSwish = (x: number, beta: number) => x / (1 + Math.exp(-beta * x));

/** The sum and the product of two tensors that broadcast, two outputs. */
export const sumAndProduct = g.defineOperation({
  name: "sumAndProduct",
  inputs: 2,
  infer: ([a, b]) => {
    const type = {
      dtype: g.requireSameDType("sumAndProduct", [a, b]),
      shape: g.broadcastShapes("sumAndProduct", a.shape, b.shape),
    };
    return [type, type];
  },
  emit: ({ inputs, outputs: [sum, product] }, emitter) => {
    const names = inputs.map((x) => emitter.name(x));
    if (emitter.used(sum)) emitter.node("Add", names, [emitter.name(sum)]);
    if (emitter.used(product)) emitter.node("Mul", names, [emitter.name(product)]);
  },
  gradient: ({ inputs: [a, b] }, [dSum, dProduct]) => {
    const total = (other: g.Tensor, shape: g.Shape) => {
      const terms = [dSum, dProduct && g.multiply(dProduct, other)].filter((term) => term !== undefined);
      return g.sumTo(g.addAll(terms), shape);
    };
    return [total(b, a.shape), total(a, b.shape)];
  },
});

/** Rounding whose gradient is that of the identity. */
export const roundStraightThrough = g.defineOperation({
  name: "roundStraightThrough",
  inputs: 1,
  compose: ([x]) => [g.round(x)],
  gradient: (_, [gradient]) => [gradient],
});

/** The same values with the opposite gradient (Ganin and Lempitsky, arXiv:1409.7495), times a factor. */
const reverseGradient = g.defineOperation({
  name: "reverseGradient",
  inputs: 1,
  compose: ([x], _: { factor: number }) => [x],
  gradient: ({ attributes: { factor } }, [gradient]) => [gradient && g.multiply(gradient, -factor)],
});

/** A composition without a gradient of its own: any number of inputs. */
const meanOf = g.defineOperation({
  name: "meanOf",
  compose: (inputs) => [g.multiply(g.addAll(inputs), 1 / inputs.length)],
});

export const definedFamily: readonly OperationCase[] = [
  ...[1, -0.5].map((beta) =>
    row(
      `swish with beta ${beta}`,
      [],
      [normal(2, 3, 4)],
      (x) => swish([x], { beta })[0],
      (x) => r.map(x, (v) => plainSwish(v, beta)),
    ),
  ),
  row(
    "swish of swish, differentiated through other operations",
    [],
    [normal(3, 4), normal(4, 2)],
    (x, w) => swish([g.matmul(swish([x], { beta: 2 })[0], w)], { beta: 1 })[0],
    (x, w) =>
      r.map(
        r.matmul(
          r.map(x, (v) => plainSwish(v, 2)),
          w,
        ),
        (v) => plainSwish(v, 1),
      ),
  ),
  row(
    "swish in a recomputed block",
    [],
    [normal(3, 4)],
    (x) => g.rematerialise(() => g.exp(swish([g.tanh(x)], { beta: 1 })[0])),
    (x) => r.map(x, (v) => Math.exp(plainSwish(Math.tanh(v), 1))),
  ),
  row(
    "two outputs, both read",
    [],
    [normal(2, 3), normal(3)],
    (a, b) => sumAndProduct([a, b]),
    (a, b) => [r.zip((x, y) => x + y, a, b), r.zip((x, y) => x * y, a, b)],
  ),
  ...[0, 1].map((which) =>
    row(
      `two outputs, ${which} read`,
      [],
      [normal(2, 1), normal(3)],
      (a, b) => sumAndProduct([a, b])[which]!,
      (a, b) => r.zip((x, y) => (which === 0 ? x + y : x * y), a, b),
    ),
  ),
  row(
    "a straight-through gradient",
    [],
    [distinct(2, 5)],
    (x) => roundStraightThrough([g.multiply(x, 3)])[0],
    (x) => r.map(x, (v) => Math.round(Math.fround(3 * v))),
    { gradients: { 0: ([w]) => r.map(w!, (v) => 3 * v) } },
  ),
  row(
    "the straight-through gradient of a recomputed block",
    [],
    [distinct(2, 5)],
    (x) => g.rematerialise(() => roundStraightThrough([g.multiply(x, 3)])[0]),
    (x) => r.map(x, (v) => Math.round(Math.fround(3 * v))),
    { gradients: { 0: ([w]) => r.map(w!, (v) => 3 * v) } },
  ),
  row(
    "a reversed gradient beside the plain one",
    [],
    [normal(4)],
    (x) => {
      const y = g.tanh(x);
      return g.add(g.multiply(y, 5), reverseGradient([y], { factor: 2 })[0]);
    },
    (x) => r.map(x, (v) => 6 * Math.tanh(v)),
    { gradients: { 0: ([w], [x]) => r.zip((a, v) => 3 * a * (1 - Math.tanh(v) ** 2), w!, x!) } },
  ),
  row(
    "a composition without a gradient of its own",
    [],
    [normal(3), normal(3), normal(3)],
    (...inputs) => meanOf(inputs)[0],
    (a, b, c) => r.zip((x, y, z) => (x + y + z) / 3, a, b, c),
  ),
];
