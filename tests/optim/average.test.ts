/** Averages of the weights against their definitions in float64. */
import { describe, expect, test } from "vitest";
import { type AverageConfig, averageName, averageRate, decayOfHalfLife } from "../../src/optim/index.js";
import { expectClose, graphOf, names, reference, trained } from "./support.js";

const config = { name: "sgd", learningRate: 0.2 } as const;

describe("50 steps agree with the definition", () => {
  test.each<AverageConfig>([
    { kind: "ema", decay: 0.95 },
    { kind: "ema", decay: 0.999, warmup: true },
    { kind: "ema", decay: decayOfHalfLife(10) },
    { kind: "polyak" },
    { kind: "polyak", from: 30 },
    { kind: "polyak", from: 1000 },
  ])("%j", async (average) => {
    const run = { config, schedule: () => 1, average };
    const { state } = await trained(run);
    const { values, averages } = reference(run);
    // the weights themselves go on as without an average
    expectClose(state, values);
    expectClose(state, averages, 1e-5, averageName);
  });
});

test("the last weights and their average are not the same", () => {
  const { values, averages } = reference({ config, schedule: () => 1, average: { kind: "ema", decay: 0.95 } });
  for (const name of names) expect(Math.abs(values[name][0]! - averages[name][0]!)).toBeGreaterThan(1e-3);
});

test("an average starts at the first weights and takes as much memory as they do", () => {
  const { slots } = graphOf({ config, schedule: () => 1, average: { kind: "ema", decay: 0.5 } });
  for (const name of names) {
    const [parameter, average] = [name, averageName(name)].map((one) => slots.find((slot) => slot.name === one)!);
    expect(average!.initial()).toEqual(parameter!.initial());
    expect(average!.input).toMatchObject({ dtype: "float32", shape: parameter!.input.shape });
  }
});

test("after a half-life half of the average is younger (S4L takes an epoch's steps, papers.md 10.4)", () => {
  expect(decayOfHalfLife(1)).toBe(0.5);
  for (const steps of [7, 500]) {
    let old = 1;
    for (let step = 0; step < steps; step++)
      old *= 1 - averageRate({ kind: "ema", decay: decayOfHalfLife(steps) })(step);
    expect(old).toBeCloseTo(0.5, 12);
  }
  expect(() => decayOfHalfLife(0)).toThrow("invalid half-life of 0 steps; expected a number above 0");
});

test("the decay warms up to its value and stays there", () => {
  const rate = averageRate({ kind: "ema", decay: 0.9, warmup: true });
  const decays = [0, 1, 78, 79, 80, 1000].map((step) => 1 - rate(step));
  [2 / 11, 3 / 12, 80 / 89, 0.9, 0.9, 0.9].forEach((decay, i) => {
    expect(decays[i]).toBeCloseTo(decay, 12);
  });
});

test.each<[AverageConfig, string]>([
  [{ kind: "ema", decay: 1 }, "average.decay is 1; expected a number from 0 to below 1"],
  [{ kind: "ema", decay: Number.NaN }, "average.decay is NaN"],
  [{ kind: "polyak", from: -1 }, "average.from is -1; expected an integer of at least 0, the first step to average"],
])("refuses %j", (average, message) => {
  expect(() => averageRate(average)).toThrow(message);
});
