/** Attention distance against the golden values of papers.md 12.6. */
import { describe, expect, it, test } from "vitest";
import { headDistance } from "../../src/analysis/index.js";

const square = (side: number, step: number) => ({ rows: side, columns: side, step: [step, step] as const });
const uniform = (tokens: number) => new Float64Array(tokens * tokens).fill(1 / tokens);

describe("headDistance", () => {
  // mean over all pairs, with the patch itself (papers.md 12.6)
  it.each([
    [2, 1, 0.853553],
    [3, 1, 1.453311],
    [4, 1, 2.008015],
    [7, 32, 115.502894],
    [14, 16, 116.492227],
    [24, 16, 200.047983],
  ])("of uniform attention on a grid of %i with step %i is %f", (side, step, expected) => {
    expect(headDistance(uniform(side * side), square(side, step), 0).mean).toBeCloseTo(expected, 5);
  });

  it.each([
    [2, 1, 1.138071],
    [7, 32, 117.909204],
    [14, 16, 117.089623],
  ])("without the patch itself on a grid of %i with step %i is %f", (side, step, expected) => {
    const patches = side * side;
    const weights = uniform(patches).map((_, i) => (i % (patches + 1) === 0 ? 0 : 1 / (patches - 1)));
    expect(headDistance(weights, square(side, step), 0).mean).toBeCloseTo(expected, 5);
  });

  test("of attention to the patch itself is 0", () => {
    const weights = Float64Array.from({ length: 81 }, (_, i) => (i % 10 === 0 ? 1 : 0));
    expect(headDistance(weights, square(3, 16), 0)).toEqual({ mean: 0, peak: 0 });
  });

  test("removes the class token, whose share is lost or made up for", () => {
    // 4 patches and a class token, uniform: a fifth of the attention goes to the class token
    const weights = uniform(5);
    const dropped = headDistance(weights, square(2, 1), 1);
    const scaled = headDistance(weights, square(2, 1), 1, "renormalise");
    expect(dropped.mean).toBeCloseTo(0.853553 * 0.8, 5);
    expect(scaled.mean).toBeCloseTo(0.853553, 5);
  });

  test("is in pixels of a grid that is not square", () => {
    // 1 x 2 patches that attend to each other
    const grid = { rows: 1, columns: 2, step: [16, 24] as const };
    expect(headDistance([0, 1, 1, 0], grid, 0)).toEqual({ mean: 24, peak: 24 });
  });
});
