/** Optimisers in the graph against the reference chain written out in float64, on a logistic problem. */
import { describe, expect, test } from "vitest";
import * as g from "../../src/graph/index.js";
import {
  applyOptimizer,
  averageName,
  createOptimizer,
  createSchedule,
  isFrozen,
  isOptimizerState,
  type OptimizerConfig,
  optimizerNames,
  type Schedule,
} from "../../src/optim/index.js";
import { compile } from "../../src/runtime/index.js";
import { expectClose, graphOf, names, reference, shapes, start, steps, trained } from "./support.js";

const constant: Schedule = () => 1;
const warm = createSchedule({ decayType: "cosine", warmupSteps: 10 }, { total: steps });

const cases: [string, OptimizerConfig, Schedule][] = [
  ["sgd with momentum", { name: "sgd", learningRate: 0.1 }, constant],
  ["sgd without momentum", { name: "sgd", learningRate: 0.3, momentum: 0 }, constant],
  ["sgd with Nesterov's momentum", { name: "sgd", learningRate: 0.1, momentum: 0.8, nesterov: true }, constant],
  ["sgd, clipped, decaying, warmed up", { name: "sgd", learningRate: 0.2, clipNorm: 0.05, weightDecay: 0.01 }, warm],
  ["adam", { name: "adam", learningRate: 0.01 }, constant],
  ["adam with other moments", { name: "adam", learningRate: 0.02, beta1: 0.8, beta2: 0.95, epsilon: 1e-3 }, warm],
  ["adam with decay", { name: "adam", learningRate: 0.01, weightDecay: 0.02 }, warm],
  ["adam, clipped", { name: "adam", learningRate: 0.01, clipNorm: 0.02, epsilon: 1e-4 }, constant],
  ["adamw", { name: "adamw", learningRate: 0.02, weightDecay: 0.5 }, warm],
  ["adamw, clipped", { name: "adamw", learningRate: 0.02, weightDecay: 0.5, clipNorm: 0.1 }, warm],
  ["adafactor, nothing factored", { name: "adafactor", learningRate: 0.01 }, constant],
  [
    "adafactor, factored, momentum in float32",
    { name: "adafactor", learningRate: 0.02, minDimSizeToFactor: 3, momentumDtype: "float32" },
    warm,
  ],
  [
    "adafactor, factored, clipped by norm and by block, decaying, without momentum",
    {
      name: "adafactor",
      learningRate: 0.01,
      minDimSizeToFactor: 3,
      weightDecay: 0.01,
      clipNorm: 0.05,
      clippingThreshold: 0.5,
      momentum: 0,
    },
    warm,
  ],
  [
    "adafactor with other settings",
    {
      name: "adafactor",
      learningRate: 0.02,
      minDimSizeToFactor: 3,
      decayRate: 0.6,
      decayOffset: -20,
      beta2Cap: 0.9,
      epsilon: 1e-4,
      momentum: 0.8,
    },
    constant,
  ],
  ["sgd, momentum in float16", { name: "sgd", learningRate: 0.1, momentumDtype: "float16" }, constant],
  [
    "sgd, Nesterov's momentum in float16, clipped, decaying",
    { name: "sgd", learningRate: 0.2, nesterov: true, momentumDtype: "float16", clipNorm: 0.05, weightDecay: 0.01 },
    warm,
  ],
  ["adam, first moment in float16", { name: "adam", learningRate: 0.01, momentumDtype: "float16" }, warm],
  [
    "adamw, first moment in float16, clipped",
    { name: "adamw", learningRate: 0.02, weightDecay: 0.5, clipNorm: 0.1, momentumDtype: "float16" },
    constant,
  ],
  [
    "sgd with an L2 penalty, clipped, momentum in float16",
    { name: "sgd", learningRate: 0.2, clipNorm: 0.05, l2Penalty: 0.05, weightDecay: 0.01, momentumDtype: "float16" },
    warm,
  ],
  [
    "adafactor with an L2 penalty, factored",
    { name: "adafactor", learningRate: 0.02, minDimSizeToFactor: 3, l2Penalty: 0.05, momentumDtype: "float32" },
    warm,
  ],
  [
    "rates by pattern, the first that matches",
    {
      name: "adamw",
      learningRate: 0.02,
      weightDecay: 0.3,
      learningRatePatterns: [
        ["head/.*", 3],
        [".*kernel", 0.1],
      ],
    },
    constant,
  ],
  [
    "decay by pattern",
    {
      name: "sgd",
      learningRate: 0.1,
      weightDecay: 0.02,
      weightDecayPatterns: [
        ["head/kernel", 3],
        ["head/bias|scale", 0.5],
      ],
    },
    constant,
  ],
  [
    "frozen parameters, which clipping does not count",
    {
      name: "adam",
      learningRate: 0.01,
      weightDecay: 0.05,
      clipNorm: 0.03,
      epsilon: 1e-4,
      learningRatePatterns: [["body/.*", 0]],
    },
    warm,
  ],
];

/** A rounding to float16 that falls on the other side of a tie costs the reference this much at most. */
const toleranceOf = (config: OptimizerConfig): number =>
  (config.momentumDtype ?? (config.name === "adafactor" ? "float16" : "float32")) === "float16" ? 2e-4 : 1e-5;

describe("50 steps agree with the chain in float64", () => {
  test.each(cases)("%s", async (_name, config, schedule) => {
    const { state } = await trained({ config, schedule });
    const { values } = reference({ config, schedule });
    expectClose(state, values, toleranceOf(config));
    for (const name of names) {
      const moved = Math.max(...values[name].map((value, i) => Math.abs(value - start[name][i]!)));
      expect(moved > 1e-3, name).toBe(!isFrozen(config, name));
    }
  });
});

const optimizers: OptimizerConfig[] = [
  { name: "sgd", learningRate: 0.1 },
  { name: "sgd", learningRate: 0.1, nesterov: true, momentumDtype: "float16" },
  { name: "adam", learningRate: 0.01, momentumDtype: "float16" },
  { name: "adamw", learningRate: 0.01 },
  { name: "adafactor", learningRate: 0.01, minDimSizeToFactor: 3 },
];

describe("every optimiser takes patterns, freezing and averages alike", () => {
  test.each(optimizers)("%j", async (optimizer) => {
    const config: OptimizerConfig = {
      ...optimizer,
      clipNorm: 0.3,
      weightDecay: optimizer.name === "adamw" ? 0.1 : 1e-3,
      // Scaling ViT: the head decays a hundred times as much (papers.md 5.2)
      weightDecayPatterns: [
        ["head/kernel", 100],
        [".*/kernel", 1],
      ],
      learningRatePatterns: [
        ["head/bias", 0],
        ["head/.*", 0.5],
      ],
      schedulePatterns: [["body/.*", (step) => 1 / (1 + step)]],
    };
    const average = { kind: "ema", decay: 0.9 } as const;
    const run = { config, schedule: warm, average };
    const { state } = await trained(run);
    const { values, averages } = reference(run);
    expectClose(state, values, toleranceOf(config));
    expect(Object.keys(state).filter((name) => isOptimizerState(name) && name.includes("head/bias"))).toEqual([]);
    const kept = { ...state, [averageName("head/bias")]: start["head/bias"] };
    expectClose(kept, averages, toleranceOf(config), averageName);
  });

  test.each(optimizers)("a schedule of null freezes (%j)", (optimizer) => {
    const config: OptimizerConfig = { ...optimizer, schedulePatterns: [["body/.*", null]] };
    expect(names.filter((name) => isFrozen(config, name))).toEqual(["body/kernel"]);
    const { slots } = graphOf({ config, schedule: constant, average: { kind: "polyak" } });
    expect(slots.filter(({ name }) => name.includes("body/kernel")).map(({ name }) => name)).toEqual(["body/kernel"]);
    const { input, next } = slots.find(({ name }) => name === "body/kernel")!;
    expect(next).toBe(input);
  });
});

describe("weight decay", () => {
  const still: Schedule = (step) => (step < 2 ? 0.5 : 0);
  // Without gradients to speak of, each of two steps shrinks a kernel by its decay alone.
  const shrunk = async (config: OptimizerConfig) => {
    const kernel = g.input("a/kernel", "float32", [1]);
    const bias = g.input("a/bias", "float32", [1]);
    const parameters = [kernel, bias].map((tensor) => ({
      name: g.inputName(tensor)!,
      tensor,
      initial: () => Float32Array.of(1),
    }));
    const gradients = [g.constant([0], [1]), g.constant([0], [1])];
    const { slots, scalars } = applyOptimizer(createOptimizer(config, still), parameters, gradients);
    const program = await compile(
      {
        state: slots.map(({ input }) => input),
        functions: {
          step: {
            inputs: scalars.map(({ input }) => input),
            outputs: { kernel: g.stopGradient(kernel) },
            next: Object.fromEntries(slots.map(({ name, next }) => [name, next])),
          },
        },
      },
      { inThread: true, threads: 1 },
    );
    await program.writeState(Object.fromEntries(slots.map(({ name, initial }) => [name, initial()])));
    for (let step = 0; step < 3; step++) {
      await program.step(Object.fromEntries(scalars.map(({ name, at }) => [name, Float32Array.of(at(step))])));
    }
    const state = await program.readState(["a/kernel", "a/bias"]);
    await program.close();
    return [Number(state["a/kernel"]![0]), Number(state["a/bias"]![0])];
  };

  test.each<[OptimizerConfig["name"], number]>([
    ["sgd", (1 - 0.5 * 0.1) ** 2],
    ["adam", (1 - 0.5 * 0.1) ** 2],
    ["adamw", (1 - 0.5 * 0.1 * 0.01) ** 2],
    ["adafactor", (1 - 0.5 * 0.1) ** 2],
  ])("%s multiplies it by the schedule, adamw by the learning rate too; kernels only", async (name, kernel) => {
    const [after, bias] = await shrunk({ name, learningRate: 0.01, weightDecay: 0.1 });
    expect(after).toBeCloseTo(kernel, 6);
    expect(bias).toBe(1);
  });
});

describe("state", () => {
  test.each<[OptimizerConfig, string[]]>([
    [{ name: "sgd", learningRate: 1 }, names.map((name) => `momentum/${name}`)],
    [{ name: "adam", learningRate: 1 }, names.flatMap((name) => [`adam/m/${name}`, `adam/v/${name}`])],
    [{ name: "adamw", learningRate: 1 }, names.flatMap((name) => [`adam/m/${name}`, `adam/v/${name}`])],
    [{ name: "sgd", learningRate: 1, momentum: 0 }, []],
    [
      { name: "sgd", learningRate: 1, momentumDtype: "float16" },
      names.flatMap((name) => [`momentum/${name}`, `momentumScale/${name}`]),
    ],
    [
      { name: "adam", learningRate: 1, momentumDtype: "float16" },
      names.flatMap((name) => [`adam/m/${name}`, `adam/mScale/${name}`, `adam/v/${name}`]),
    ],
    [
      { name: "adafactor", learningRate: 1, minDimSizeToFactor: 3 },
      [
        "adafactor/row/body/kernel",
        "adafactor/column/body/kernel",
        ...names.slice(1).map((name) => `adafactor/v/${name}`),
        ...names.flatMap((name) => [`adafactor/m/${name}`, `adafactor/mScale/${name}`]),
      ],
    ],
    [
      {
        name: "adamw",
        learningRate: 1,
        learningRatePatterns: [
          ["head/.*", 1],
          [".*", 0],
        ],
      },
      ["adam/m/head/kernel", "adam/v/head/kernel", "adam/m/head/bias", "adam/v/head/bias"],
    ],
  ])("is named after its parameters, and frozen ones have none (%j)", async (config, wanted) => {
    const parameters = names.map((name) => ({
      name,
      tensor: g.input(name, "float32", shapes[name]),
      initial: () => start[name],
    }));
    const gradients = parameters.map(({ tensor }) => g.multiply(tensor, 2));
    const { slots } = applyOptimizer(createOptimizer(config, constant), parameters, gradients);
    expect(slots.slice(0, names.length).map(({ name }) => name)).toEqual(names);
    expect(
      slots
        .slice(names.length)
        .map(({ name }) => name)
        .sort(),
    ).toEqual([...wanted].sort());
    for (const { name, initial } of slots) {
      expect(isOptimizerState(name)).toBe(!(names as string[]).includes(name));
      if (isOptimizerState(name)) expect(initial().every((value) => Number(value) === 0)).toBe(true);
    }
  });

  test("an unknown name is refused, with the known ones and the nearest", () => {
    const create = (name: string) => createOptimizer({ name, learningRate: 1 } as unknown as OptimizerConfig, () => 1);
    expect(() => create("adamW")).toThrow(
      'unknown optimizer "adamW"; expected one of sgd, adam, adamw, adafactor; did you mean "adamw"?',
    );
    expect(() => create("lamb")).toThrow(/^unknown optimizer "lamb"; expected one of sgd, adam, adamw, adafactor/);
    expect(() => create("lamb")).toThrow(RangeError);
    for (const name of optimizerNames) expect(() => create(name)).not.toThrow();
  });

  test("patterns match whole paths", () => {
    const frozen = (pattern: string, path: string) =>
      isFrozen({ name: "sgd", learningRate: 1, learningRatePatterns: [[pattern, 0]] }, path);
    expect(frozen("head", "head/kernel")).toBe(false);
    expect(frozen("head|body", "xbody")).toBe(false);
    expect(frozen("head/.*", "head/kernel")).toBe(true);
    expect(isFrozen({ name: "sgd", learningRate: 1 }, "head/kernel")).toBe(false);
  });
});
