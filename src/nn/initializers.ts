/**
 * First values of parameters, as the reference code draws them (papers.md 1.3). A parameter's draws depend only on the
 * seed and its own path, so adding one parameter changes no other.
 */
import { elementCount, type Shape } from "../graph/index.js";
import type { Uniform } from "../random/distributions.js";

/** Draws the first values of a parameter. */
export type Initializer = (shape: Shape, random: Uniform) => Float32Array;

const filled = (shape: Shape, draw: () => number): Float32Array => {
  const values = new Float32Array(elementCount(shape));
  for (let i = 0; i < values.length; i++) values[i] = draw();
  return values;
};

/** A standard normal number (Box-Muller). */
const gaussian = (random: Uniform): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

export const zeros: Initializer = (shape) => new Float32Array(elementCount(shape));
export const ones: Initializer = (shape) => new Float32Array(elementCount(shape)).fill(1);
export const filledWith =
  (value: number): Initializer =>
  (shape) =>
    new Float32Array(elementCount(shape)).fill(value);

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

/** Normal numbers of a standard deviation, drawn again beyond two of them (the deviation is that before the cut). */
export const truncatedNormal =
  (standardDeviation: number): Initializer =>
  (shape, random) =>
    filled(shape, () => {
      let value = gaussian(random);
      while (Math.abs(value) > 2) value = gaussian(random);
      return standardDeviation * value;
    });

// standard deviation of a standard normal truncated at two deviations, as flax divides by it (papers.md 1.3)
const truncatedDeviation = 0.87962566103423978;

/** Truncated normal (at two deviations) of variance 1 / fanIn. */
export const lecunNormal = (fanIn: number): Initializer => truncatedNormal(Math.sqrt(1 / fanIn) / truncatedDeviation);
