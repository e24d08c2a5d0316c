/** Rank correlation against values by hand. */
import { expect, test } from "vitest";
import { rankCorrelation, ranks } from "../../src/studies/list/cost-predictors.js";

test("equal values share the mean of their ranks", () => {
  expect(ranks([10, 30, 20, 20])).toEqual([1, 4, 2.5, 2.5]);
});

test("the rank correlation is 1, -1, or 1 - 6 sum d^2 / (n (n^2 - 1)) without ties", () => {
  expect(rankCorrelation([1, 2, 3], [10, 100, 1000])).toBeCloseTo(1, 12);
  expect(rankCorrelation([1, 2, 3], [3, 2, 1])).toBeCloseTo(-1, 12);
  // ranks 1 2 3 4 5 and 2 1 4 3 5: d^2 = 1 + 1 + 1 + 1 + 0 = 4
  expect(rankCorrelation([1, 2, 3, 4, 5], [20, 10, 40, 30, 50])).toBeCloseTo(1 - (6 * 4) / (5 * 24), 12);
});
