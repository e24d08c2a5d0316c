/** Random numbers in the graph: equal to their scalar definition bit for bit, and uniform, independent, repeatable. */
import { describe, expect, test } from "vitest";
import * as g from "../../src/graph/index.js";
import { hashCounter, uniformAt } from "../../src/random/counter.js";
import { of } from "../support/conformance.js";
import { testDevices } from "../support/devices.js";
import { run } from "../support/run.js";

const draw = (seed: number, stream: number, length: number) =>
  Array.from({ length }, (_, i) => uniformAt(seed, stream, i));
const mean = (values: readonly number[]) => values.reduce((total, value) => total + value, 0) / values.length;
function correlation(a: readonly number[], b: readonly number[]): number {
  const [ma, mb] = [mean(a), mean(b)];
  const product = mean(a.map((value, i) => (value - ma) * (b[i]! - mb)));
  return product / Math.sqrt(mean(a.map((v) => (v - ma) ** 2)) * mean(b.map((v) => (v - mb) ** 2)));
}

const shapes = [[], [5], [3, 4], [2, 3, 5], [1, 1, 7, 2]];
for (const { device, missing } of testDevices) {
  const title = `randomUniform on ${device}`;
  if (missing !== undefined) test.skip(`${title}: skipped, ${missing}`, () => {});
  else {
    test.each([0, 1, -1, 123456789, 2147483647, -2147483648])(
      `${title} equals uniformAt to the last bit, seed %i`,
      async (value) => {
        const seed = g.input("seed", "int32", []);
        const streams = [0, 1, 77, 65536];
        const outputs = Object.fromEntries(
          shapes.flatMap((shape, i) =>
            streams.map((stream) => [`u${i}_${stream}`, g.randomUniform(seed, stream, shape)]),
          ),
        );
        const results = await run(outputs, { seed: of([], [value], "int32")(Math.random) }, { device });
        shapes.forEach((shape, i) => {
          for (const stream of streams) {
            const { shape: dims, values } = results[`u${i}_${stream}`]!;
            expect([...dims]).toEqual(shape);
            expect(values).toEqual(draw(value, stream, g.elementCount(shape)));
          }
        });
      },
    );
    test(`${title}: a seed of one element, and bernoulli`, async () => {
      const seed = g.input("seed", "int32", [1]);
      const outputs = { u: g.randomUniform(seed, 3, [4]), kept: g.bernoulli(seed, 3, [200], 0.3) };
      const results = await run(outputs, { seed: of([1], [9], "int32")(Math.random) }, { device });
      expect(results.u!.values).toEqual(draw(9, 3, 4));
      expect(results.kept!.values).toEqual(draw(9, 3, 200).map((value) => Number(value < 0.3)));
    });
  }
}

describe("uniformAt", () => {
  const length = 40_000;
  const values = draw(42, 0, length);

  test("lies in [0, 1) in steps of 2^-24", () => {
    for (const value of values) {
      expect(value >= 0 && value < 1 && Number.isInteger(value * 2 ** 24)).toBe(true);
    }
  });

  // bounds are five standard deviations of the statistic under true randomness
  test("has the mean, variance and evenness of uniform numbers", () => {
    expect(Math.abs(mean(values) - 1 / 2)).toBeLessThan(5 * Math.sqrt(1 / 12 / length));
    const variance = mean(values.map((value) => (value - 0.5) ** 2));
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(5 * Math.sqrt(1 / 180 / length));
    const bins = new Array<number>(64).fill(0);
    for (const value of values) bins[Math.floor(value * 64)]!++;
    const expected = length / 64;
    const chiSquare = bins.reduce((total, count) => total + (count - expected) ** 2 / expected, 0);
    expect(chiSquare).toBeLessThan(63 + 5 * Math.sqrt(2 * 63));
  });

  test("neighbours, streams and seeds are uncorrelated", () => {
    const limit = 5 / Math.sqrt(length);
    for (const lag of [1, 2, 3, 7, 197, 1024]) {
      expect(Math.abs(correlation(values.slice(lag), values.slice(0, -lag))), `lag ${lag}`).toBeLessThan(limit);
    }
    for (const [seed, stream] of [
      [42, 1],
      [42, 2],
      [43, 0],
      [43, 1],
      [0, 0],
      [-42, 0],
      [42, 1 << 20],
    ] as const) {
      expect(Math.abs(correlation(values, draw(seed, stream, length))), `${seed}, ${stream}`).toBeLessThan(limit);
    }
  });

  test("first draws over seeds and over streams are uniform too", () => {
    for (const first of [
      Array.from({ length }, (_, seed) => uniformAt(seed, 5, 0)),
      Array.from({ length }, (_, stream) => uniformAt(5, stream, 0)),
    ]) {
      expect(Math.abs(mean(first) - 1 / 2)).toBeLessThan(5 * Math.sqrt(1 / 12 / length));
      expect(Math.abs(correlation(first.slice(1), first.slice(0, -1)))).toBeLessThan(5 / Math.sqrt(length));
    }
  });

  test("hashCounter is one to one on a stretch of counters", () => {
    const seen = new Set(Array.from({ length }, (_, i) => hashCounter(i)));
    expect(seen.size).toBe(length);
  });
});
