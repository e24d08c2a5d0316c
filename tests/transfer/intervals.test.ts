/** Intervals of accuracies over draws of the examples and test images, against the analysis of variance and by simulation. */
import { describe, expect, it } from "vitest";
import { studentQuantile, summarise, summariseAccuracies, wilsonInterval } from "../../src/algebra/statistics.js";
import { createRandom } from "../../src/random/keyed.js";

describe("intervals of accuracies", () => {
  it("have the variance of the two-way analysis of variance", () => {
    const right = [
      [1, 0, 1, 1, 0, 1, 1, 0],
      [1, 1, 1, 1, 0, 1, 1, 0],
      [0, 0, 1, 0, 1, 1, 0, 0],
    ];
    // numpy, from the residuals of rows and columns: MS_draws, MS_images, MS_rest, variance of the mean, degrees of freedom
    const [draws, images, rest, variance, freedom] = [
      0.29166666666666663, 0.35714285714285715, 0.19642857142857148, 0.01884920634920634, 3.222186802677715,
    ] as const;
    const found = summariseAccuracies(right);
    expect(found.mean).toBeCloseTo(14 / 24, 12);
    const half = studentQuantile(Math.floor(freedom)) * Math.sqrt(variance);
    expect(found.confidence95[0]).toBeCloseTo(14 / 24 - half, 10);
    expect(found.confidence95[1]).toBeCloseTo(Math.min(1, 14 / 24 + half), 10);
    expect(found.standardErrors.images).toBeCloseTo(Math.sqrt((images - rest) / 24), 10);
    expect(found.standardErrors.draws).toBeCloseTo(Math.sqrt(Math.max(0, draws - rest) / 24), 10);
  });

  it("are not empty where every draw is of the same examples: the images differ still", () => {
    // 97 of 120 images right in each of five draws of 40 of 40 examples
    const row = Array.from({ length: 120 }, (_, i) => (i < 97 ? 1 : 0));
    const { mean, standardDeviation, confidence95, standardErrors } = summariseAccuracies([row, row, row, row, row]);
    expect(mean).toBeCloseTo(97 / 120, 12);
    expect(standardDeviation).toBeCloseTo(0, 12);
    const half = studentQuantile(119) * Math.sqrt(((97 / 120) * (23 / 120)) / 119);
    expect(confidence95[0]).toBeCloseTo(97 / 120 - half, 10);
    expect(confidence95[1]).toBeCloseTo(97 / 120 + half, 10);
    expect(standardErrors.draws).toBeCloseTo(0, 12);
  });

  it("are Wilson's for one draw, and where all is right", () => {
    expect(summariseAccuracies([[1, 0, 1, 1]]).confidence95).toEqual(wilsonInterval(3, 4));
    expect(
      summariseAccuracies([
        [1, 1, 1, 1],
        [1, 1, 1, 1],
      ]).confidence95,
    ).toEqual(wilsonInterval(4, 4));
    expect(() => summariseAccuracies([])).toThrow(/nothing to summarise/);
    expect(() => summariseAccuracies([[]])).toThrow(/nothing to summarise/);
  });

  it("hold the accuracy of new draws and new images 95 times of 100, which those of draws alone do not", () => {
    const random = createRandom("coverage");
    const normal = () => Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform());
    const normalBelow = (x: number) => {
      // Abramowitz and Stegun 7.1.26
      const t = 1 / (1 + 0.3275911 * Math.abs(x / Math.SQRT2));
      const tail =
        t *
        (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))) *
        Math.exp((-x * x) / 2);
      return x < 0 ? tail / 2 : 1 - tail / 2;
    };
    // right where 0.4 + draw + image + noise > 0, with deviations 0.1, 1 and 0.2
    const truth = normalBelow(0.4 / Math.sqrt(0.1 ** 2 + 1 + 0.2 ** 2));
    let [covered, coveredByDraws] = [0, 0];
    const trials = 400;
    for (let trial = 0; trial < trials; trial++) {
      const images = Array.from({ length: 100 }, normal);
      const right = Array.from({ length: 5 }, () => {
        const draw = 0.1 * normal();
        return images.map((image) => (0.4 + draw + image + 0.2 * normal() > 0 ? 1 : 0));
      });
      const holds = ([low, high]: readonly [number, number]) => low <= truth && truth <= high;
      if (holds(summariseAccuracies(right).confidence95)) covered++;
      const byDraws = summarise(right.map((row) => row.reduce<number>((sum, one) => sum + one, 0) / 100));
      if (holds(byDraws.confidence95!)) coveredByDraws++;
    }
    expect(covered / trials).toBeGreaterThan(0.92);
    expect(covered / trials).toBeLessThan(0.985);
    expect(coveredByDraws / trials).toBeLessThan(0.8);
  });
});
