/** Means with confidence intervals. */
import { describe, expect, it } from "vitest";
import { median, quantile, studentQuantile, summarise } from "../../src/algebra/statistics.js";

describe("statistics", () => {
  it("takes the middle value, or the mean of the two in the middle", () => {
    const values = [5, 1, 9, 3];
    expect(median(values)).toBe(4);
    expect(values).toEqual([5, 1, 9, 3]);
    expect(median([10, 9, 100])).toBe(10);
    expect(median([7])).toBe(7);
    expect(median([])).toBeNaN();
  });

  it("interpolates quantiles as numpy.quantile does", () => {
    const values = [5, 1, 9, 3, 4];
    expect([0, 0.25, 0.5, 0.75, 1].map((fraction) => quantile(values, fraction))).toEqual([1, 3, 4, 5, 9]);
    expect(quantile([10, 1], 0.25)).toBe(3.25);
    expect(quantile([], 0.25)).toBeNaN();
  });

  it("Student quantiles of the printed tables", () => {
    const table: [number, number][] = [
      [1, 12.7062047362],
      [2, 4.3026527297],
      [3, 3.1824463053],
      [4, 2.7764451052],
      [9, 2.2621571628],
      [29, 2.0452296421],
      [100, 1.9839715185],
    ];
    for (const [freedom, quantile] of table) expect(studentQuantile(freedom)).toBeCloseTo(quantile, 8);
    expect(studentQuantile(4, 0.99)).toBeCloseTo(4.6040948714, 8);
    expect(() => studentQuantile(0)).toThrow(/0 degrees/);
  });

  it("mean, spread and interval, cut to [0, 1]", () => {
    const { mean, standardDeviation, confidence95 } = summarise([0.5, 0.6, 0.7]);
    expect(mean).toBeCloseTo(0.6, 14);
    expect(standardDeviation).toBeCloseTo(0.1, 14);
    expect(confidence95?.[0]).toBeCloseTo(0.6 - 0.2484137712, 8);
    expect(confidence95?.[1]).toBeCloseTo(0.6 + 0.2484137712, 8);
    expect(summarise([0.01, 0.99]).confidence95).toEqual([0, 1]);
    expect(summarise([0.3]).confidence95).toBeNull();
    expect(() => summarise([])).toThrow(/no measurement/);
  });
});
