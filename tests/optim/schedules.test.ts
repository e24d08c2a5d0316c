/** Learning-rate schedules against golden values (papers.md 5.1 and 12.4). */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createSchedule, type ScheduleConfig } from "../../src/optim/schedules.js";

function expectValues(
  config: ScheduleConfig,
  context: { total: number; batchSize?: number },
  expected: [number, number][],
) {
  const schedule = createSchedule(config, context);
  for (const [step, value] of expected) expect(schedule(step), `step ${step}`).toBeCloseTo(value, 9);
}

describe("golden values (papers.md 5.1 and 12.4)", () => {
  const steps = [0, 1, 5, 10, 20, 40, 55, 90, 99, 100];
  const pair = (values: number[]): [number, number][] => values.map((value, i) => [steps[i]!, value]);

  it("cosine", () => {
    expectValues(
      { decayType: "cosine", warmupSteps: 10 },
      { total: 100 },
      pair([0, 0.1, 0.5, 1, 0.96984631, 0.75, 0.5, 0.03015369, 0.000304586, 0]),
    );
  });

  it("linear", () => {
    expectValues(
      { decayType: "linear", warmupSteps: 10 },
      { total: 100 },
      pair([0, 0.1, 0.5, 1, 0.888888889, 0.666666667, 0.5, 0.111111111, 0.011111111, 0]),
    );
    for (let step = 0; step <= 10; step++) {
      expect(createSchedule({ decayType: "linear" }, { total: 10 })(step)).toBeCloseTo((10 - step) / 10, 12);
    }
  });

  it("rsqrt with warm-up and cool-down", () => {
    expectValues(
      { decayType: "rsqrt", warmupSteps: 10_000, cooldownSteps: 50_000, timescale: 10_000 },
      { total: 1_000_000 },
      [
        [0, 0],
        [5_000, 0.5],
        [10_000, 1],
        [20_000, Math.SQRT1_2],
        [40_000, 0.5],
        [110_000, 0.301511345],
        [950_000, 0.102597835],
        [975_000, 0.050636968],
        [1_000_000, 0],
      ],
    );
  });

  it.each(["stair", "staircase"] as const)("%s", (decayType) => {
    expectValues({ decayType, steps: [30, 60, 80], mults: [0.1, 0.01, 0.001] }, { total: 100 }, [
      [0, 1],
      [29, 1],
      [30, 0.1],
      [59, 0.1],
      [60, 0.01],
      [79, 0.01],
      [80, 0.001],
      [100, 0.001],
    ]);
  });

  it("the reference's own test cases: batch 512, base 0.5 scaled to a peak of 1", () => {
    const common = { base: 0.5, scaleWithBatchSize: true, warmupSteps: 5, cooldownSteps: 5 };
    const context = { total: 21, batchSize: 512 };
    expectValues({ ...common, decayType: "linear" }, context, [[13, 0.5]]);
    expectValues({ ...common, decayType: "polynomial", end: 0.1, power: 2 }, context, [[13, 0.325]]);
    expectValues({ ...common, decayType: "cosine" }, context, [[13, 0.5]]);
    expectValues({ ...common, decayType: "rsqrt", timescale: 1 }, context, [
      [13, 1 / 3],
      [3, 0.6],
      [20, 0.05],
    ]);
    expectValues({ ...common, decayType: "stair", steps: [10], mults: [0.5] }, context, [
      [5, 1],
      [10, 0.5],
    ]);
  });

  it("BiT's rule for small sets is a stair: warm-up 100, tenfold drops after 200, 300 and 400", () => {
    expectValues(
      { decayType: "stair", base: 3e-3, warmupSteps: 100, steps: [201, 301, 401], mults: [0.1, 0.01, 0.001] },
      { total: 500 },
      [
        [0, 0],
        [1, 3e-5],
        [50, 1.5e-3],
        [99, 2.97e-3],
        [100, 3e-3],
        [200, 3e-3],
        [201, 3e-4],
        [300, 3e-4],
        [301, 3e-5],
        [400, 3e-5],
        [401, 3e-6],
        [499, 3e-6],
      ],
    );
  });

  it("a shift advances the decay and the value warm-up leads to", () => {
    const schedule = createSchedule({ decayType: "rsqrt", warmupSteps: 10, shift: 30, timescale: 10 }, { total: 100 });
    expect(schedule(5)).toBeCloseTo(0.5 / Math.sqrt(1 + 30 / 10), 12);
    expect(schedule(10)).toBeCloseTo(0.5, 12);
    expect(schedule(60)).toBeCloseTo(1 / Math.sqrt(1 + 80 / 10), 12);
  });
});

describe("edges", () => {
  it("refuses a warm-up as long as the run, except in runs of at most one step", () => {
    expect(() => createSchedule({ decayType: "cosine", warmupSteps: 10 }, { total: 10 })).toThrow(
      /warm-up of 10 steps does not fit a run of 10/,
    );
    for (const total of [0, 1]) {
      expect(createSchedule({ decayType: "cosine", warmupSteps: 10 }, { total })(0)).toBe(0);
    }
  });

  it("names what is wrong", () => {
    const context = { total: 10 };
    expect(() => createSchedule({ decayType: "exponential" } as unknown as ScheduleConfig, context)).toThrow(
      /unknown decayType "exponential".*cosine/,
    );
    expect(() => createSchedule({ decayType: "stair", steps: [1, 2], mults: [0.1] }, context)).toThrow(
      /2 steps but 1 mults/,
    );
    expect(() => createSchedule({ decayType: "stair", steps: [4, 2], mults: [0.1, 0.2] }, context)).toThrow(/ascend/);
    expect(() => createSchedule({ decayType: "cosine", scaleWithBatchSize: true }, context)).toThrow(/batch size/);
    expect(() => createSchedule({ decayType: "cosine", warmupSteps: -1 }, context)).toThrow(/warmupSteps is -1/);
    expect(() => createSchedule({ decayType: "rsqrt", timescale: 0 }, context)).toThrow(/timescale is 0/);
  });

  it("never leaves [0, base], never rises after warm-up, and keeps its last value past the end", () => {
    const decays: ScheduleConfig[] = [
      { decayType: "constant" },
      { decayType: "cosine" },
      { decayType: "linear", end: 0.01 },
      { decayType: "polynomial", power: 2 },
      { decayType: "rsqrt", timescale: 7, shift: 3 },
      { decayType: "stair", steps: [5, 9], mults: [0.5, 0.1] },
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(...decays),
        fc.integer({ min: 2, max: 60 }),
        fc.nat(59),
        fc.nat(60),
        (config, total, warmup, cooldown) => {
          const warmupSteps = Math.min(warmup, total - 1);
          const schedule = createSchedule({ ...config, base: 2, warmupSteps, cooldownSteps: cooldown }, { total });
          let previous = Number.POSITIVE_INFINITY;
          for (let step = 0; step <= total + 5; step++) {
            const value = schedule(step);
            expect(value).toBeGreaterThanOrEqual(0);
            expect(value).toBeLessThanOrEqual(2);
            if (step >= warmupSteps) {
              expect(value).toBeLessThanOrEqual(previous + 1e-12);
              previous = value;
            }
          }
          if (config.decayType !== "rsqrt" || cooldown > 0) {
            if (config.decayType !== "stair") expect(schedule(total + 5)).toBeCloseTo(schedule(total), 12);
          }
        },
      ),
    );
  });
});
