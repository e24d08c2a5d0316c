/** The types of results are those of the output tensors: without them, an entry is `number | bigint`, and this file does not compile. */
import { expect, test } from "vitest";
import {
  add,
  argMax,
  cast,
  constant,
  einsum,
  exp,
  gather,
  grad,
  greater,
  input,
  linear,
  logSoftmax,
  multiply,
  reduceMean,
  reduceSum,
  reshape,
  subtract,
  type Tensor,
  topK,
  transpose,
  where,
} from "../../src/graph/index.js";
import {
  convolution,
  dense,
  layerNorm,
  losses,
  mlpBlock,
  multiHeadAttention,
  Scope,
  targetsOf,
} from "../../src/nn/index.js";
import { compile, evaluate } from "../../src/runtime/index.js";
import { trainStep } from "../../src/train/index.js";

const x = input("x", "float32", [2, 3]);
const feeds = { x: Float32Array.of(0, 1, 2, 5, 4, 3) };

test("each array has the type of its tensor", async () => {
  const best = topK(x, 2);
  const found = await evaluate(
    {
      sum: reduceSum(add(multiply(2, exp(x)), 1), 1),
      place: argMax(x),
      values: best.values,
      places: best.indices,
      large: greater(x, 1),
      whole: cast(x, "int32"),
      half: cast(x, "float16"),
      chosen: where(greater(x, 1), x, subtract(0, x)),
      product: einsum("ij,kj->ik", x, x),
      picked: gather(transpose(reshape(x, [3, 2])), constant([0, 0, 0], [1, 3], "int32"), 0),
    },
    feeds,
  );
  const sum: Float32Array = found.sum;
  const place: BigInt64Array = found.place;
  const large: Uint8Array = found.large;
  const half: Uint16Array = found.half;
  const first: number | undefined = found.chosen[0];
  expect([sum.length, first, large[2], half[1]]).toEqual([2, 0, 1, 0x3c00]);
  expect([...place]).toEqual([2n, 0n]);
  const kinds = Object.fromEntries(Object.entries(found).map(([name, array]) => [name, array.constructor.name]));
  expect(kinds).toEqual({
    sum: "Float32Array",
    place: "BigInt64Array",
    values: "Float32Array",
    places: "BigInt64Array",
    large: "Uint8Array",
    whole: "Int32Array",
    half: "Uint16Array",
    chosen: "Float32Array",
    product: "Float32Array",
    picked: "Float32Array",
  });
  // a tensor whose type is not known when this is compiled has an array of any type
  const unknown: Tensor = x;
  const { any } = await evaluate({ any: unknown }, feeds);
  const entry: number | bigint | undefined = any[1];
  expect(entry).toBe(1);
});

test("layers, losses and gradients keep the type", async () => {
  const scope = Scope.root();
  const image = input("image", "float32", [1, 2, 4, 4]);
  const tokens = reshape(
    transpose(convolution(scope.at("c"), image, { channels: 4, kernel: 1 }), [0, 2, 3, 1]),
    [1, 16, 4],
  );
  const attended = multiHeadAttention(scope.at("a"), layerNorm(scope.at("n"), tokens, 1e-6), { heads: 2 });
  const mixed = mlpBlock(scope.at("m"), attended, { hidden: 8, dropout: 0, gelu: "tanh" });
  const logits = dense(scope.at("d"), reduceMean(mixed, 1), 3);
  const loss = reduceMean(losses.softmax(logits, targetsOf(constant([1], [1], "int32"), 3)));
  const [slope] = grad(loss, [image]);
  const known: readonly Tensor<"float32">[] = [loss, logits, slope, logSoftmax(linear(x, transpose(x)))];
  expect(known.map(({ dtype }) => dtype)).toEqual(["float32", "float32", "float32", "float32"]);
});

test("a program's functions, its state and its names are typed by its source", async () => {
  const total = input("total", "float32", [3]);
  await using program = await compile({
    state: [total],
    functions: {
      step: { inputs: [x], outputs: { mean: reduceMean(x) }, next: { total: add(total, reduceSum(x, 0)) } },
      place: { inputs: [x], outputs: { place: argMax(x) } },
    },
  });
  await program.writeState({ total: new Float32Array(3) });
  const mean: number | undefined = (await program.step(feeds)).mean[0];
  const place: bigint | undefined = (await program.run("place", feeds)).place[1];
  const state: Record<string, Float32Array> = await program.readState();
  expect([mean, place, state["total"]]).toEqual([2.5, 0n, Float32Array.of(5, 5, 5)]);
  // @ts-expect-error: the program has no such function
  await expect(program.run("plase", feeds)).rejects.toThrow(/unknown function plase; available: step, place/);
});

test("the state of trainStep is of numbers", async () => {
  const scope = Scope.root();
  const error = subtract(dense(scope, x, 1), constant([1, 0], [2, 1]));
  await using training = await trainStep(reduceMean(multiply(error, error)), scope, {
    name: "adam",
    learningRate: 0.1,
  });
  const loss: number = await training.step(feeds);
  const state = await training.program.readState(["kernel"]);
  const weight: number | undefined = state["kernel"]?.[0];
  expect([typeof weight, loss > 0]).toEqual(["number", true]);
});
