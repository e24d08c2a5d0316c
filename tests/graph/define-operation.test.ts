/** What defineOperation refuses and with which words, FLOPs, memory, files, and training that is resumed. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceSession, Tensor as RuntimeTensor } from "onnxruntime-node";
import { afterAll, expect, test } from "vitest";
import * as g from "../../src/graph/index.js";
import { type ModelConfig, model, vitConfig } from "../../src/models/index.js";
import { loadCheckpoint, saveCheckpoint } from "../../src/networks/index.js";
import { dense, type Scope } from "../../src/nn/index.js";
import { createSchedule } from "../../src/optim/index.js";
import { compile, evaluate, overwritable } from "../../src/runtime/index.js";
import { buildTraining, type Objective } from "../../src/train/index.js";
import { roundStraightThrough, sumAndProduct, swish } from "./cases/defined.js";

const folder = mkdtempSync(join(tmpdir(), "fovea-defined-"));
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;
const x = (...shape: number[]) => g.input(`x${count++}`, "float32", shape);
const copy = (emitter: g.Emitter, from: g.Tensor, to: g.Tensor) =>
  emitter.node("Identity", [emitter.name(from)], [emitter.name(to)]);

/** An operation that copies its input, with parts replaced. */
const copied = (parts: Partial<g.EmittedDefinition<object, 1, readonly [g.TensorType]>>) =>
  g.defineOperation<1, readonly [g.TensorType], object>({
    name: "copied",
    inputs: 1,
    infer: ([value]) => [value],
    emit: ({ inputs: [from], outputs: [to] }, emitter) => copy(emitter, from, to),
    ...parts,
  });
const lossOf = (y: g.Tensor) => g.reduceSum(g.multiply(y, y));

test("the number of inputs is checked", () => {
  const wrong = swish as unknown as (inputs: readonly g.Tensor[], attributes: object) => unknown;
  expect(() => wrong([x(2), x(3)], { beta: 1 })).toThrow(
    "swish: got 2 tensors (float32 [2] and float32 [3]); expected 1, as its definition says",
  );
  expect(() => wrong([], { beta: 1 })).toThrow(g.ShapeError);
});

test("attributes that are required are required by the types", () => {
  // @ts-expect-error: beta is missing
  expect(() => swish([x(2)])).not.toThrow();
  // @ts-expect-error: one input, not two
  expect(() => swish([x(2), x(2)], { beta: 1 })).toThrow(g.ShapeError);
  expect(sumAndProduct([x(2, 1), x(3)]).map(({ shape }) => shape)).toEqual([
    [2, 3],
    [2, 3],
  ]);
});

test("errors of the operation's own shape rule pass through", () => {
  expect(() => sumAndProduct([x(2, 3), x(2)])).toThrow(
    "sumAndProduct: shapes [2, 3] and [2] do not broadcast together",
  );
});

test.each([
  ["a shape with a fraction", { dtype: "float32", shape: [1.5] }, '"shape":[1.5]'],
  ["an unknown type", { dtype: "bfloat16", shape: [1] }, '"dtype":"bfloat16"'],
  ["no shape", { dtype: "float32" }, "expected a dtype of float32, float64"],
])("a shape rule that returns %s is refused", (_, type, part) => {
  const operation = copied({ infer: () => [type as unknown as g.TensorType] });
  expect(() => operation([x(2)])).toThrow(/^copied: its shape rule returned/);
  expect(() => operation([x(2)])).toThrow(part);
});

test("an output that emit does not write is named", () => {
  const [y] = copied({ emit: () => {} })([x(2)]);
  expect(() => g.writeOnnx({ y })).toThrow(
    "copied: emit wrote no value of output 0; pass emitter.name(outputs[0]) to emitter.node as an output",
  );
});

test("an operation without a gradient is named when a gradient flows through it, and only then", () => {
  const operation = copied({});
  const [a, b] = [x(2), x(2)];
  const loss = lossOf(g.multiply(operation([a])[0], b));
  expect(() => g.grad(loss, [a])).toThrow(
    "grad: copied has no gradient; give its definition a gradient rule, or apply stopGradient to its output",
  );
  expect(g.grad(loss, [b])).toHaveLength(1);
  expect(g.grad(lossOf(g.add(g.stopGradient(operation([a])[0]), a)), [a])).toHaveLength(1);
});

test.each<[string, () => readonly (g.Tensor | undefined)[], string]>([
  ["too few", () => [], "returned 0 gradients for 1 inputs; return one for each, undefined for none"],
  [
    "one of another shape",
    () => [x(2, 3)],
    "returned float32 [2, 3] for input 0, float32 [3]; return a tensor of the same",
  ],
  ["one of another type", () => [g.cast(x(3), "float16")], "returned float16 [3] for input 0, float32 [3]"],
])("a gradient rule that returns %s is refused", (_, gradient, message) => {
  const a = x(3);
  const emitted = copied({ gradient })([a])[0];
  const composed = g.defineOperation({ name: "copied", inputs: 1, compose: ([value]) => [g.exp(value)], gradient });
  for (const y of [emitted, composed([a])[0]]) {
    expect(() => g.grad(lossOf(y), [a])).toThrow(`copied: its gradient rule ${message}`);
    expect(() => g.grad(lossOf(y), [a])).toThrow(g.ShapeError);
  }
});

test("an integer input has no gradient", () => {
  const indices = g.input("indices", "int32", [2]);
  const table = x(3, 2);
  const rows = g.defineOperation({
    name: "rows",
    inputs: 2,
    compose: ([values, at]) => [g.gatherRows(values, at)],
    gradient: ({ inputs: [values, at] }, [dy]) => [dy && g.zerosOf(values), g.cast(at, "float32")],
  });
  expect(() => g.grad(lossOf(rows([table, indices])[0]), [table])).toThrow(
    "rows: its gradient rule returned float32 [2] for input 1, int32 [2]; return undefined for a tensor that is not float",
  );
});

test("FLOPs of nodes are stated by the definition, those of a composition are counted", () => {
  const product = g.defineOperation({
    name: "product",
    inputs: 2,
    infer: ([a, b]) => [{ dtype: a.dtype, shape: [a.shape[0]!, b.shape[1]!] }],
    emit: ({ inputs: [a, b], outputs: [y] }, emitter) =>
      emitter.node("MatMul", [emitter.name(a), emitter.name(b)], [emitter.name(y)]),
    flops: ({ inputs: [a], outputs: [y] }) => 2 * g.elementCount(y.shape) * a.shape[1]!,
  });
  const [a, b] = [x(2, 3), x(3, 5)];
  expect(g.costOf([product([a, b])[0]]).flops).toBe(2 * 2 * 3 * 5);
  const squared = g.defineOperation({
    name: "squared",
    inputs: 1,
    compose: ([value]) => [g.matmul(value, value, { transposeB: true })],
    gradient: ({ inputs: [value] }, [dy]) => [dy && g.scale(g.matmul(dy, value), 2)],
  });
  const [y] = squared([a]);
  expect(g.costOf([y]).flops).toBe(2 * 2 * 3 * 2);
  expect(g.costOf(g.grad(g.reduceSum(g.tanh(y)), [a])).flops).toBe(2 * (2 * 2 * 3 * 2));
});

test("an operation with the name of one of the package's is no such operation", () => {
  const a = x(100);
  const own = (name: string) => copied({ name })([g.exp(a)])[0];
  // a view would not count, the operation's own memory does: the input, exp and the copy
  expect(g.costOf([g.tanh(own("reshape"))]).peakBytes).toBe(1200);
  expect(g.costOf([g.tanh(own("stopGradient"))]).peakBytes).toBe(1200);
  expect(() => g.grad(lossOf(own("stopGradient")), [a])).toThrow("grad: stopGradient has no gradient");
});

test("a composition with its own gradient takes no memory of its own", () => {
  const a = x(100);
  const plain = g.costOf([g.tanh(g.round(g.exp(a)))]).peakBytes;
  expect(g.costOf([g.tanh(roundStraightThrough([g.exp(a)])[0])]).peakBytes).toBe(plain);
});

test("state is updated in place only where the operation cannot see it, and cannot fail later", async () => {
  const total = g.input("total", "float32", [4]);
  const given = g.input("given", "float32", [4]);
  const inPlace = (outputs: Record<string, g.Tensor>, next: g.Tensor) =>
    overwritable([...Object.values(outputs), next], { total: next }, [total]);
  const sum = g.add(total, given);
  expect(inPlace({}, sum)).toEqual(["total"]);
  // its nodes may return its input as it is
  expect(inPlace({ seen: g.exp(copied({})([total])[0]) }, sum)).toEqual([]);
  // an operation beside the update may fail after it, unless it says that it cannot
  expect(inPlace({ beside: copied({})([given])[0] }, sum)).toEqual([]);
  expect(inPlace({ beside: copied({ mayFail: false })([given])[0] }, sum)).toEqual(["total"]);

  const [old] = copied({ mayFail: false })([total]);
  await using program = await compile(
    {
      state: [total],
      functions: { step: { inputs: [given], outputs: { old: g.scale(old, 2) }, next: { total: sum } } },
    },
    { inThread: true },
  );
  await program.writeState({ total: Float32Array.of(1, 2, 3, 4) });
  const { old: seen } = await program.step({ given: Float32Array.of(10, 10, 10, 10) });
  expect([...seen!]).toEqual([2, 4, 6, 8]);
  expect([...(await program.readState())["total"]!]).toEqual([11, 12, 13, 14]);
});

test("an exported file gives the same with onnxruntime alone", async () => {
  const a = g.input("a", "float32", [2, 3]);
  const [sum, product] = sumAndProduct([swish([a], { beta: 1.5 })[0], g.constant([1, 2, 3], [3])]);
  const outputs = { sum, product, rounded: roundStraightThrough([a])[0] };
  const values = Float32Array.of(-2.6, -1, -0.5, 0.4, 1, 2.7);
  const session = await InferenceSession.create(g.writeOnnx(outputs).bytes);
  const found = await session.run({ a: new RuntimeTensor("float32", values, [2, 3]) });
  await session.release();
  values.forEach((value, i) => {
    const gated = value / (1 + Math.exp(-1.5 * value));
    expect(found["sum"]!.data[i]).toBeCloseTo(gated + 1 + (i % 3), 5);
    expect(found["product"]!.data[i]).toBeCloseTo(gated * (1 + (i % 3)), 5);
  });
  expect([...(found["rounded"]!.data as Float32Array)]).toEqual([-3, -1, -0, 0, 1, 3]);
  expect(await evaluate(outputs, { a: values })).toEqual(
    Object.fromEntries(Object.entries(found).map(([name, { data }]) => [name, data])),
  );
});

const network: ModelConfig = {
  family: "vit",
  ...vitConfig("mu/8", { width: 16, depth: 1, heads: 2, mlpDim: 32, classes: 2, pooling: "gap" }),
};

/** Tells two classes apart with a head of its own, which uses own operations, on the network's features. */
function ownObjective(): Objective {
  const inputs = { image: g.input("image", "float32", [4, 16, 16, 3]), label: g.input("label", "int32", [4]) };
  const trace = (scope: Scope, { image, label }: Record<string, g.Tensor>) => {
    const head = scope.at("objective");
    const hidden = swish([dense(head.at("hidden"), model(scope, image!, network).preLogits, 6)], { beta: 1 })[0];
    const logits = dense(head.at("head"), roundStraightThrough([g.scale(hidden, 4)])[0], 2);
    return { loss: g.negate(g.reduceMean(g.reduceSum(g.multiply(g.oneHot(label!, 2), g.logSoftmax(logits)), 1))) };
  };
  return {
    name: "own",
    inputs,
    trace,
    feeds: () => ({}),
    evaluation: { inputs: [], outputs: () => ({}), feeds: () => ({}), score: () => ({ loss: [], correct: [] }) },
  };
}

test("a run with own operations, resumed from its checkpoint, ends with the same numbers", async () => {
  const steps = 8;
  const training = buildTraining(
    ownObjective(),
    {
      model: network,
      image: [16, 16, 3],
      microbatches: 2,
      evaluationBatchSize: 4,
      optimizer: { name: "adam", learningRate: 0.02 },
      schedule: createSchedule({ decayType: "cosine" }, { total: steps }),
    },
    3,
  );
  const batch = (step: number) => ({
    image: Float32Array.from({ length: 4 * 768 }, (_, i) => Math.sin(i * 0.7 + step) + (Math.floor(i / 768) % 2)),
    label: Int32Array.of(0, 1, 0, 1),
  });
  const { step: stepFunction } = training.source.functions;
  const run = async (state: Record<string, g.NumericArray>, from: number, to: number) => {
    await using program = await compile({ ...training.source, functions: { step: stepFunction! } }, { inThread: true });
    await program.writeState(state);
    const losses: number[] = [];
    for (let step = from; step < to; step++) {
      losses.push(Number((await program.step({ ...batch(step), ...training.stepInputs(step, 3) }))["loss"]![0]));
    }
    return { state: await program.readState(), losses };
  };
  const whole = await run(training.initialState(), 0, steps);
  expect(whole.losses.at(-1)).toBeLessThan(whole.losses[0]!);

  const half = await run(training.initialState(), 0, steps / 2);
  const tensors = new Map(
    training.slots.map(({ name, input }) => [
      name,
      { dtype: "float32" as const, shape: input.shape, data: half.state[name] as Float32Array },
    ]),
  );
  const path = await saveCheckpoint(folder, { step: steps / 2, tensors, meta: {} });
  const loaded = await loadCheckpoint(path);
  const state = Object.fromEntries([...loaded.tensors].map(([name, { data }]) => [name, data as Float32Array]));
  const rest = await run(state, loaded.step, steps);
  expect([...half.losses, ...rest.losses]).toEqual(whole.losses);
  expect(rest.state).toEqual(whole.state);
});
