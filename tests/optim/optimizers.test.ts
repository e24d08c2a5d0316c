/** Optimisers in the graph against the reference chain written out in float64 (papers.md 5.2), on a logistic problem. */
import { describe, expect, test } from "vitest";
import * as g from "../../src/graph/index.js";
import {
  applyOptimizer,
  createOptimizer,
  createSchedule,
  isFrozen,
  isOptimizerState,
  type OptimizerConfig,
  type Schedule,
} from "../../src/optim/index.js";
import { compile } from "../../src/runtime/index.js";
import { seeded } from "../support/arrays.js";

/** Parameters of the problem: sigmoid(x . body/kernel . head/kernel + head/bias), a scale beside them. */
const shapes = { "body/kernel": [3, 3], scale: [3], "head/kernel": [3], "head/bias": [1] } as const;
type Name = keyof typeof shapes;
const names = Object.keys(shapes) as Name[];
const size = (name: Name): number => shapes[name].reduce<number>((a, b) => a * b, 1);
const images = 6;
const steps = 50;

const random = seeded(3);
const uniform = (count: number) => Float32Array.from({ length: count }, () => 2 * random() - 1);
const start = Object.fromEntries(names.map((name) => [name, uniform(size(name))])) as Record<Name, Float32Array>;
const inputs = uniform(images * 3);
const targets = Float32Array.from({ length: images }, (_, i) => i % 2);

type Values = Record<Name, Float64Array>;

/** Gradients of the mean logistic loss in float64, by the chain rule on paper. */
function gradientsOf(p: Values): Values {
  const out = Object.fromEntries(names.map((name) => [name, new Float64Array(size(name))])) as Values;
  for (let n = 0; n < images; n++) {
    const x = inputs.subarray(n * 3, n * 3 + 3);
    const hidden = [0, 1, 2].map((j) => [0, 1, 2].reduce((sum, i) => sum + x[i]! * p["body/kernel"][i * 3 + j]!, 0));
    const scaled = hidden.map((h, j) => h * p.scale[j]!);
    const z = scaled.reduce((sum, h, j) => sum + h * p["head/kernel"][j]!, p["head/bias"][0]!);
    const dz = (1 / (1 + Math.exp(-z)) - targets[n]!) / images;
    out["head/bias"][0]! += dz;
    for (let j = 0; j < 3; j++) {
      out["head/kernel"][j]! += dz * scaled[j]!;
      out.scale[j]! += dz * p["head/kernel"][j]! * hidden[j]!;
      for (let i = 0; i < 3; i++) {
        out["body/kernel"][i * 3 + j]! += dz * p["head/kernel"][j]! * p.scale[j]! * x[i]!;
      }
    }
  }
  return out;
}

const firstMatch = (patterns: readonly (readonly [string, number])[], name: string, otherwise: number): number => {
  for (const [pattern, value] of patterns) if (new RegExp(`^(?:${pattern})$`).test(name)) return value;
  return otherwise;
};

/** The reference: chain(clip, scale_by_X, lr, lr_mults, + wd wd_mult p, schedule, -1), p_new = p + update. */
function reference(config: OptimizerConfig, schedule: Schedule): Values {
  const p = Object.fromEntries(names.map((name) => [name, Float64Array.from(start[name])])) as Values;
  const zeros = () => Object.fromEntries(names.map((name) => [name, new Float64Array(size(name))])) as Values;
  const [m, v] = [zeros(), zeros()];
  const rateOf = (name: Name) => firstMatch(config.learningRatePatterns ?? [], name, 1);
  const trained = names.filter((name) => rateOf(name) !== 0);
  for (let step = 0; step < steps; step++) {
    const gradient = gradientsOf(p);
    const norm = Math.sqrt(trained.reduce((sum, name) => gradient[name].reduce((s, x) => s + x * x, sum), 0));
    const clip = config.clipNorm === undefined ? 1 : Math.min(1, config.clipNorm / norm);
    for (const name of trained) {
      const decay =
        (config.weightDecay ?? 0) *
        firstMatch(config.weightDecayPatterns ?? [[".*/kernel", 1]], name, 0) *
        (config.name === "adamw" ? config.learningRate : 1);
      for (let i = 0; i < size(name); i++) {
        const x = gradient[name][i]! * clip;
        let update: number;
        if (config.name === "sgd") {
          const momentum = config.momentum ?? 0.9;
          m[name][i] = x + momentum * m[name][i]!;
          update = config.nesterov ? x + momentum * m[name][i]! : m[name][i]!;
        } else {
          const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = config;
          m[name][i] = beta1 * m[name][i]! + (1 - beta1) * x;
          v[name][i] = beta2 * v[name][i]! + (1 - beta2) * x * x;
          update =
            m[name][i]! / (1 - beta1 ** (step + 1)) / (Math.sqrt(v[name][i]! / (1 - beta2 ** (step + 1))) + epsilon);
        }
        const old = p[name][i]!;
        p[name][i] = old - schedule(step) * (config.learningRate * rateOf(name) * update + decay * old);
      }
    }
  }
  return p;
}

/** The same through the graph, in float32: the parameters after the steps, and the names of the optimiser's state. */
async function trained(config: OptimizerConfig, schedule: Schedule) {
  const x = g.input("x", "float32", [images, 3]);
  const target = g.input("target", "float32", [images]);
  const tensors = Object.fromEntries(names.map((name) => [name, g.input(name, "float32", shapes[name])])) as Record<
    Name,
    g.Tensor
  >;
  const hidden = g.multiply(g.matmul(x, tensors["body/kernel"]), tensors.scale);
  const head = g.reshape(tensors["head/kernel"], [3, 1]);
  const z = g.add(g.reshape(g.matmul(hidden, head), [images]), tensors["head/bias"]);
  const loss = g.reduceMean(g.subtract(g.softplus(z), g.multiply(target, z)));
  const parameters = names.map((name) => ({ name, tensor: tensors[name], initial: () => start[name] }));
  const gradients = g.grad(
    loss,
    parameters.map(({ tensor }) => tensor),
  );
  const { slots, scalars } = applyOptimizer(createOptimizer(config, schedule), parameters, gradients);
  const program = await compile(
    {
      state: slots.map(({ input }) => input),
      functions: {
        step: {
          inputs: [x, target, ...scalars.map(({ input }) => input)],
          outputs: { loss },
          next: Object.fromEntries(slots.map(({ name, next }) => [name, next])),
        },
      },
    },
    { inThread: true, threads: 1 },
  );
  try {
    await program.writeState(Object.fromEntries(slots.map(({ name, initial }) => [name, initial()])));
    for (let step = 0; step < steps; step++) {
      const given = Object.fromEntries(scalars.map(({ name, at }) => [name, Float32Array.of(at(step))]));
      await program.step({ x: inputs.slice(), target: targets.slice(), ...given });
    }
    return { values: await program.readState(names), state: slots.map(({ name }) => name).filter(isOptimizerState) };
  } finally {
    await program.close();
  }
}

/** Relative to the largest value of each parameter: single entries may pass through zero. */
function expectClose(given: Record<string, g.NumericArray>, wanted: Values, tolerance = 1e-5): void {
  for (const name of names) {
    const scale = Math.max(...wanted[name].map(Math.abs));
    wanted[name].forEach((value, i) => {
      expect(Math.abs(Number(given[name]![i]) - value), `${name}[${i}]`).toBeLessThan(tolerance * scale);
    });
  }
}

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

describe("50 steps agree with the chain in float64", () => {
  test.each(cases)("%s", async (_name, config, schedule) => {
    const { values } = await trained(config, schedule);
    const wanted = reference(config, schedule);
    expectClose(values, wanted);
    for (const name of names) {
      const moved = Math.max(...wanted[name].map((value, i) => Math.abs(value - start[name][i]!)));
      expect(moved > 1e-3, name).toBe(!isFrozen(config, name));
    }
  });
});

describe("weight decay", () => {
  const still: Schedule = (step) => (step < 2 ? 0.5 : 0);
  /** Without gradients to speak of, each of two steps shrinks a kernel by its decay alone. */
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

  test("patterns match whole paths", () => {
    const frozen = (pattern: string, path: string) =>
      isFrozen({ name: "sgd", learningRate: 1, learningRatePatterns: [[pattern, 0]] }, path);
    expect(frozen("head", "head/kernel")).toBe(false);
    expect(frozen("head|body", "xbody")).toBe(false);
    expect(frozen("head/.*", "head/kernel")).toBe(true);
    expect(isFrozen({ name: "sgd", learningRate: 1 }, "head/kernel")).toBe(false);
  });
});
