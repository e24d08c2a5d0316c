/** The instances of a fractal category: 25 weightings of its coefficients, any number of patch patterns, four mirror images. */
import { createRandom, permutation } from "../../../random/keyed.js";
import { type Flip, type FractalRandoms, flips } from "./render.js";

/** Relative change of a coefficient by a weighting; FractalDB's recommended step. */
export const defaultWeightStep = 0.4;

/**
 * The 25 weightings: none, and each of a, b, c, d, e, f multiplied by 1 - 2s, 1 - s, 1 + s and 1 + 2s with the step s (for 0.4: 0.2, 0.6, 1.4
 * and 1.8). Each consists of six factors.
 */
export function weightings(step = defaultWeightStep): readonly (readonly number[])[] {
  const steps = [-2, -1, 1, 2].map((n) => 1 + n * step);
  const one = (at: number, factor: number) => Array.from({ length: 6 }, (_, i) => (i === at ? factor : 1));
  return [one(0, 1), ...Array.from({ length: 6 }, (_, at) => steps.map((factor) => one(at, factor))).flat()];
}

/** Number of weightings times mirror images, the instances with the same patches. */
const looks = 25 * flips.length;

/** Parameters of an instance. */
export interface FractalInstance {
  /** Index into {@link weightings}. */
  readonly weighting: number;
  /** Index of the draw of patches. */
  readonly patches: number;
  readonly flip: Flip;
}

/**
 * Parameters of instance `index` of a category. Instances 0 to 99 have all weightings in all mirror images, each once, in an order that
 * depends on the category. The next hundred are the same with other patches, and so on: 1,000 are FractalDB's 25 x 10 x 4, and fewer are a
 * balanced part of them.
 */
export function fractalInstance(seed: number, category: number, index: number): FractalInstance {
  const look = permutation(looks, "fractal instances", seed, category)[index % looks]!;
  return { weighting: look >> 2, patches: Math.floor(index / looks), flip: flips[look & 3]! };
}

/** Random generators of an instance: as published, the points depend only on the weighting, so mirror images are exact. */
export function instanceRandoms(
  seed: number,
  category: number,
  { weighting, patches }: FractalInstance,
): FractalRandoms {
  return {
    points: createRandom("fractal points", seed, category, weighting),
    patterns: createRandom("fractal patches", seed, category, weighting, patches),
  };
}
