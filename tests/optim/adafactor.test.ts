/** Adafactor: golden values of papers.md 12.5, kernels of convolutions against float64, and its memory. */
import { describe, expect, test } from "vitest";
import * as g from "../../src/graph/index.js";
import {
  type AdafactorConfig,
  adafactorBeta2,
  applyOptimizer,
  createOptimizer,
  factoredAxes,
  type StateSlot,
} from "../../src/optim/index.js";
import { compile } from "../../src/runtime/index.js";
import { seeded } from "../support/arrays.js";
import { adafactor } from "./support.js";

/** The optimiser on one parameter whose gradient is given at every step. */
function alone(config: AdafactorConfig, shape: readonly number[]) {
  const gradient = g.input("gradient", "float32", shape);
  const parameter = {
    name: "kernel",
    tensor: g.input("kernel", "float32", shape),
    initial: () => new Float32Array(g.elementCount(shape)),
  };
  return {
    gradient,
    ...applyOptimizer(
      createOptimizer(config, () => 1),
      [parameter],
      [gradient],
    ),
  };
}

/** The sum of the updates of all steps: the parameter starts at zero, at learning rate 1. */
async function summed(config: AdafactorConfig, shape: readonly number[], gradients: readonly Float32Array[]) {
  const { gradient, slots, scalars } = alone(config, shape);
  await using program = await compile(
    {
      state: slots.map(({ input }) => input),
      functions: {
        step: {
          inputs: [gradient, ...scalars.map(({ input }) => input)],
          outputs: {},
          next: Object.fromEntries(slots.map(({ name, next }) => [name, next])),
        },
      },
    },
    { inThread: true, threads: 1 },
  );
  await program.writeState(Object.fromEntries(slots.map(({ name, initial }) => [name, initial()])));
  for (const [step, values] of gradients.entries()) {
    const given = Object.fromEntries(scalars.map(({ name, at }) => [name, Float32Array.of(at(step))]));
    await program.step({ gradient: values.slice(), ...given });
  }
  return Array.from((await program.readState(["kernel"]))["kernel"] as Float32Array, (value) => -value);
}

test("beta2 (papers.md 12.5)", () => {
  const golden: [number, number][] = [
    [1, 0],
    [2, 0.425650823],
    [10, 0.841510681],
    [100, 0.974881136],
    [5623, 0.998999941],
    [5624, 0.999],
    [1e6, 0.999],
  ];
  for (const [t, beta2] of golden) expect(adafactorBeta2(t - 1)).toBeCloseTo(beta2, 9);
  expect(adafactorBeta2(0, { decayOffset: -9 })).toBeCloseTo(0.841510681, 9);
  expect(adafactorBeta2(3, { decayOffset: 100 })).toBe(0);
});

test("the first factored update (papers.md 12.5)", async () => {
  const config = { name: "adafactor", learningRate: 1, minDimSizeToFactor: 2, momentum: 0, epsilon: 0 } as const;
  const update = await summed(config, [2, 2], [Float32Array.of(1, 2, 3, 4)]);
  [0.774597, 1.095445, 1.03923, 0.979796].forEach((value, i) => {
    expect(update[i]).toBeCloseTo(value, 6);
  });
});

test.each<[number[], readonly [number, number] | undefined]>([
  [
    [1024, 1024],
    [0, 1],
  ],
  [
    [64, 32],
    [1, 0],
  ],
  [[64, 31], undefined],
  [[4096], undefined],
  [[], undefined],
  // kernels as this project keeps them: [O, I, h, w] of convolutions, [h, w, I, O] of patches
  [
    [256, 64, 3, 3],
    [1, 0],
  ],
  [
    [64, 128, 1, 1],
    [0, 1],
  ],
  [[16, 16, 3, 192], undefined],
  [
    [32, 32, 3, 192],
    [1, 3],
  ],
])("[%j] is factored over %j", (shape, axes) => {
  expect(factoredAxes(shape)).toEqual(axes);
});

describe("kernels of any shape agree with float64", () => {
  test.each<[number[], number]>([
    [[5, 4, 2, 3], 4],
    [[4, 5, 1, 1], 4],
    [[3, 2, 4, 4], 4],
    [[6, 4, 5], 4],
    [[7], 4],
    [[4, 6], 7],
  ])("%j, factored from %i", async (shape, minDimSizeToFactor) => {
    const config = { name: "adafactor", learningRate: 1, minDimSizeToFactor } as const;
    const random = seeded(5);
    const count = g.elementCount(shape);
    const gradients = Array.from({ length: 6 }, () =>
      Float32Array.from({ length: count }, () => (2 * random() - 1) * 10 ** (-4 * random())),
    );
    const scaler = adafactor(config, shape);
    const wanted = new Float64Array(count);
    for (const [step, gradient] of gradients.entries()) {
      scaler(Float64Array.from(gradient), step).forEach((value, i) => {
        wanted[i]! += value;
      });
    }
    const scale = Math.max(...wanted.map(Math.abs));
    (await summed(config, shape, gradients)).forEach((value, i) => {
      expect(Math.abs(value - wanted[i]!), `[${i}]`).toBeLessThan(2e-4 * scale);
    });
  });
});

test("a kernel without a gradient stays, and momentum does not blow up when one comes", async () => {
  const config = { name: "adafactor", learningRate: 1, minDimSizeToFactor: 2 } as const;
  const still = await summed(config, [2, 3], [new Float32Array(6), new Float32Array(6)]);
  expect(still.every((value) => value === 0)).toBe(true);
  const woken = await summed(config, [2, 3], [new Float32Array(6), new Float32Array(6).fill(1e-3)]);
  for (const value of woken) expect(value).toBeCloseTo(0.1 / Math.sqrt(1 - adafactorBeta2(1)), 3);
});

describe("memory of a 1024 x 1024 kernel", () => {
  const parameterBytes = 4 * 1024 * 1024;
  const stateOf = (config: AdafactorConfig) => alone(config, [1024, 1024]).slots.slice(1);
  const numbers = (slots: readonly StateSlot[]) =>
    slots.reduce((total, { input }) => total + g.elementCount(input.shape), 0);

  test("the second moment is the reference's 2050 numbers less its counter and its placeholder (papers.md 12.5)", () => {
    const config = { name: "adafactor", learningRate: 1 } as const;
    expect(numbers(stateOf({ ...config, momentum: 0 }))).toBe(2050 - 2);
    expect(numbers(stateOf({ ...config, momentum: 0, minDimSizeToFactor: 1025 }))).toBe(1024 * 1024);
  });

  test("with momentum it is half of the kernel's (papers.md 5.3)", () => {
    const bytes = stateOf({ name: "adafactor", learningRate: 1 }).reduce(
      (total, { initial }) => total + initial().byteLength,
      0,
    );
    expect(bytes).toBe(parameterBytes / 2 + 4 * 2048 + 4);
  });
});
