/** The decision rules of studies, on effects whose interval is known. */
import { describe, expect, it, test } from "vitest";
import {
  bySeed,
  decide,
  decideEqual,
  difference,
  effectOf,
  pairedEffect,
} from "../../src/studies/framework/verdict.js";
import type { Row } from "../../src/studies/index.js";

const row = (series: string, seed: number, y: number, x = 0): Row => ({
  job: "j",
  series,
  seed,
  x,
  y,
  images: 1,
  flops: 1,
  seconds: 1,
});

describe("effectOf", () => {
  test("gives Student's interval", () => {
    // t(2 degrees of freedom, 95 %) = 4.302653; values 1, 2, 3 have standard deviation 1
    const { mean, interval, n, standardDeviation } = effectOf([1, 2, 3]);
    expect([mean, n, standardDeviation]).toEqual([2, 3, 1]);
    expect(interval?.[0]).toBeCloseTo(2 - 4.302653 / Math.sqrt(3), 5);
    expect(interval?.[1]).toBeCloseTo(2 + 4.302653 / Math.sqrt(3), 5);
  });

  test("has no interval for one value and refuses none", () => {
    expect(effectOf([0.3]).interval).toBeUndefined();
    expect(() => effectOf([])).toThrow(/no pair of runs/);
  });
});

describe("pairs", () => {
  test("are compared seed by seed, so that what a seed adds to both cancels", () => {
    const rows = [row("a", 0, 0.5), row("a", 1, 0.9), row("b", 0, 0.4), row("b", 1, 0.8), row("b", 2, 0.1)];
    const { mean, standardDeviation, n } = difference(
      rows,
      ({ series }) => series === "a",
      ({ series }) => series === "b",
    );
    expect(n).toBe(2);
    expect(mean).toBeCloseTo(0.1, 12);
    expect(standardDeviation).toBeCloseTo(0, 12);
  });

  test("are averaged over the rows of a seed", () => {
    const rows = [row("a", 0, 0.2, 1), row("a", 0, 0.4, 2)];
    expect(bySeed(rows, () => true).get(0)).toBeCloseTo(0.3, 12);
    expect(pairedEffect([{ weight: 2, values: bySeed(rows, () => true) }]).mean).toBeCloseTo(0.6, 12);
  });
});

describe("decide", () => {
  const options = { smallest: 0.01, what: "a minus b" };
  it.each([
    ["supports", [0.03, 0.031, 0.029]],
    ["cannot tell", [0.08, -0.02, 0.03]],
    ["contradicts", [0.001, 0.0011, 0.0009]],
    ["contradicts", [-0.03, -0.031, -0.029]],
    ["cannot tell", [0.03]],
  ] as const)("%s: %j", (decision, values) => {
    expect(decide(effectOf(values), options).decision).toBe(decision);
  });

  test("names the seeds that would tell where the runs cannot", () => {
    const { next, text } = decide(effectOf([0.08, -0.02, 0.03]), options);
    expect(next).toMatch(/about \d+ seeds at this scale would settle it/);
    expect(text).toMatch(/^a minus b: \+3\.0 points, 95 % interval -9\.4 points to \+15\.4 points \(3 seeds;/);
  });

  it.each([
    ["supports", [0.001, -0.001, 0.0005]],
    ["contradicts", [0.03, 0.031, 0.029]],
    ["cannot tell", [0.03, -0.03, 0.01]],
  ] as const)("that two are equal, %s: %j", (decision, values) => {
    expect(decideEqual(effectOf(values), options).decision).toBe(decision);
  });
});
