/**
 * Initialisers of parameters, with the distributions of the reference code (papers.md 1.3). The values depend only on the seed and the
 * parameter's path, so adding a parameter does not change the others.
 */
import { elementCount, type Shape } from "../graph/index.js";
import type { Uniform } from "../random/distributions.js";

/** Draws the initial values of a parameter. */
export type Initializer = (shape: Shape, random: Uniform) => Float32Array;

const filled = (shape: Shape, draw: () => number): Float32Array => {
  const values = new Float32Array(elementCount(shape));
  for (let i = 0; i < values.length; i++) values[i] = draw();
  return values;
};

/** Draws a standard normal number (Box-Muller). */
const gaussian = (random: Uniform): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

/** All 0. */
export const zeros: Initializer = (shape) => new Float32Array(elementCount(shape));
/** All 1. */
export const ones: Initializer = (shape) => new Float32Array(elementCount(shape)).fill(1);
export const filledWith =
  (value: number): Initializer =>
  (shape) =>
    new Float32Array(elementCount(shape)).fill(value);

/** Normal distribution with mean 0. */
export const normal =
  (standardDeviation: number): Initializer =>
  (shape, random) =>
    filled(shape, () => standardDeviation * gaussian(random));

/** U(-a, a) with a = sqrt(6 / (fanIn + fanOut)). */
export const xavierUniform =
  (fanIn: number, fanOut: number): Initializer =>
  (shape, random) => {
    const bound = Math.sqrt(6 / (fanIn + fanOut));
    return filled(shape, () => bound * (2 * random() - 1));
  };

/** Normal distribution truncated at two standard deviations (the given deviation is that before truncation). */
export const truncatedNormal =
  (standardDeviation: number): Initializer =>
  (shape, random) =>
    filled(shape, () => {
      let value = gaussian(random);
      while (Math.abs(value) > 2) value = gaussian(random);
      return standardDeviation * value;
    });

// Standard deviation of a standard normal truncated at two deviations; flax divides by it (papers.md 1.3).
const truncatedDeviation = 0.87962566103423978;

/** Normal distribution truncated at two deviations, with variance 1 / fanIn. */
export const lecunNormal = (fanIn: number): Initializer => truncatedNormal(Math.sqrt(1 / fanIn) / truncatedDeviation);
