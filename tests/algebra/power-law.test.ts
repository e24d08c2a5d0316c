/** Saturating power laws: the fit recovers the published law from its own values. */
import { describe, expect, it, test } from "vitest";
import { bootstrapLaw, fitPowerLaw, lawAt, type PowerLaw } from "../../src/algebra/power-law.js";
import { createRandom } from "../../src/random/keyed.js";

/** 10-shot ImageNet error over TPUv3 core-days (papers.md 8), and its values (papers.md 12.9). */
const published: PowerLaw = { a: 0.63, b: 0.32, c: 0.12, d: 0.52 };
const golden = [
  [0, 0.89664],
  [0.1, 0.854134],
  [1, 0.670999],
  [10, 0.416685],
  [100, 0.264085],
  [1000, 0.189067],
  [10_000, 0.153062],
] as const;

const points = (law: PowerLaw, xs: readonly number[]) => xs.map((x) => ({ x, y: lawAt(law, x) }));
const compute = Array.from({ length: 20 }, (_, i) => 10 ** (-1 + i / 4));

describe("the published law", () => {
  it.each(golden)("is at %f: %f", (x, y) => {
    expect(lawAt(published, x)).toBeCloseTo(y, 6);
  });

  test("is recovered from its own values, in any unit of compute", async () => {
    for (const unit of [1, 1e15]) {
      const { law, logError } = await fitPowerLaw(points(published, compute).map(({ x, y }) => ({ x: x * unit, y })));
      expect(law.b).toBeCloseTo(published.b, 3);
      expect(law.c).toBeCloseTo(published.c, 3);
      expect(law.d / unit).toBeCloseTo(published.d, 2);
      expect(law.a / unit ** law.b).toBeCloseTo(published.a, 2);
      expect(logError).toBeLessThan(1e-5);
    }
  });

  test("is predicted at a hundred times the compute that was seen", async () => {
    const seen = points(published, compute).filter(({ x }) => x <= 100);
    const { law } = await fitPowerLaw(seen);
    expect(lawAt(law, 10_000)).toBeCloseTo(lawAt(published, 10_000), 3);
  });
});

test("a plain power law is recovered without shift and saturation", async () => {
  const law = { a: 5.86, b: 0.111, c: 0, d: 0 };
  const found = await fitPowerLaw(points(law, [1, 10, 100, 1000]), { saturates: false, shifted: false });
  expect(found.law.a).toBeCloseTo(5.86, 4);
  expect(found.law.b).toBeCloseTo(0.111, 6);
});

test("the interval of the bootstrap covers the truth of noisy points, and is not empty", async () => {
  const random = createRandom("power law", 1);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform());
  const noisy = points(published, compute).map(({ x, y }) => ({ x, y: y * Math.exp(0.02 * normal()) }));
  const { b, prediction } = await bootstrapLaw(noisy, 10_000, (n) => random.integer(n), { resamples: 60 });
  expect(b[0]).toBeLessThan(0.32);
  expect(b[1]).toBeGreaterThan(0.32);
  expect(prediction[0]).toBeLessThan(0.153062);
  expect(prediction[1]).toBeGreaterThan(0.153062);
  expect(prediction[1] - prediction[0]).toBeLessThan(0.08);
});

test("too few points and values that are not positive are refused", async () => {
  await expect(fitPowerLaw([{ x: 1, y: 1 }])).rejects.toThrow(/4 parameters needs as many points; given 1/);
  await expect(fitPowerLaw(points(published, [1, 2, 3, 0]))).rejects.toThrow(/positive, finite/);
});
