/** Momentum in half precision: half the memory, and training that hardly changes. */
import { describe, expect, test } from "vitest";
import { byteSize } from "../../src/graph/index.js";
import { createOptimizer, isOptimizerState, type OptimizerConfig } from "../../src/optim/index.js";
import {
  expectClose,
  graphOf,
  lossAndGradients,
  names,
  reference,
  shapes,
  start,
  trained,
  type Values,
} from "./support.js";

const constant = () => 1;
const parameterNumbers = names.reduce((total, name) => total + shapes[name].reduce<number>((a, b) => a * b, 1), 0);

/** Bytes of optimiser state; the scales of float16 apart. */
function stateBytes(config: OptimizerConfig) {
  const state = graphOf({ config, schedule: constant }).slots.filter(({ name }) => isOptimizerState(name));
  const sum = (slots: typeof state) => slots.reduce((total, { input }) => total + byteSize(input), 0);
  for (const { input, initial } of state) expect(initial().byteLength).toBe(byteSize(input));
  return {
    tensors: sum(state.filter(({ name }) => !/Scale\//.test(name))),
    scales: sum(state.filter(({ name }) => /Scale\//.test(name))),
  };
}

test.each<[OptimizerConfig, number, number]>([
  [{ name: "sgd", learningRate: 1 }, 1, 0.5],
  [{ name: "adam", learningRate: 1 }, 2, 1.5],
  [{ name: "adamw", learningRate: 1 }, 2, 1.5],
  [{ name: "adafactor", learningRate: 1 }, 2, 1.5],
])(
  "state of %j: %d times the parameters in float32, %d with momentum in float16 (papers.md 5.3)",
  (config, full, half) => {
    const parameterBytes = 4 * parameterNumbers;
    expect(stateBytes({ ...config, momentumDtype: "float32" })).toEqual({ tensors: full * parameterBytes, scales: 0 });
    // and one float32 a tensor
    expect(stateBytes({ ...config, momentumDtype: "float16" })).toEqual({
      tensors: half * parameterBytes,
      scales: 4 * names.length,
    });
  },
);

const before = lossAndGradients(
  Object.fromEntries(names.map((name) => [name, Float64Array.from(start[name])])) as Values,
).loss;

describe("training hardly changes", () => {
  test.each<OptimizerConfig>([
    { name: "sgd", learningRate: 0.05 },
    { name: "adam", learningRate: 0.02 },
    { name: "adafactor", learningRate: 0.02, minDimSizeToFactor: 3 },
  ])("%j", async (config) => {
    const full = await trained({ config: { ...config, momentumDtype: "float32" }, schedule: constant });
    const half = await trained({ config: { ...config, momentumDtype: "float16" }, schedule: constant });
    expect(full.loss).toBeLessThan(0.8 * before);
    expect(Math.abs(half.loss - full.loss)).toBeLessThan(1e-3 * full.loss);
    // and yet it is not the same arithmetic
    expect(half.state["head/kernel"]).not.toEqual(full.state["head/kernel"]);
  });

  // By itself float16 holds nothing below 6e-8 and nothing above 65504.
  test.each([1e-9, 1e7])("nor does it with gradients %d times as large", async (lossScale) => {
    const config = { name: "adam", learningRate: 0.02, epsilon: 1e-30, momentumDtype: "float16" } as const;
    const run = { config, schedule: constant, lossScale };
    const { state } = await trained(run);
    expectClose(state, reference({ config, schedule: constant }).values, 1e-3);
  });
});

test("bfloat16 is refused with the reason", () => {
  const config = { name: "sgd", learningRate: 1, momentumDtype: "bfloat16" } as unknown as OptimizerConfig;
  expect(() => createOptimizer(config, constant)).toThrow(
    /stored in "bfloat16", which ONNX Runtime does not pass to JavaScript; use "float16"/,
  );
  const other = { ...config, momentumDtype: "float8" } as unknown as OptimizerConfig;
  expect(() => createOptimizer(other, constant)).toThrow(
    'momentum cannot be stored in "float8"; expected "float32" or "float16"',
  );
});
