// First values of parameters, as the reference code draws them (papers.md 1.3). A parameter's draws depend only on the
// seed and its own path, so adding one parameter changes no other.
import { elementCount, hash32, type Shape } from "../graph/index.js";

/** Draws the first values of a parameter. */
export type Initializer = (shape: Shape, random: Random) => Float32Array;

/** Uniform numbers in [0, 1), 53 bits each. */
export type Random = () => number;

/** A generator keyed by a seed and a name: a hashed counter (see graph/ops/random.ts for the hash). */
export function keyedRandom(seed: number, name: string): Random {
  let key = hash32(seed ^ 0x5bd1e995);
  for (const character of name) key = hash32(key ^ character.codePointAt(0)!);
  const second = hash32(key ^ 0x9e3779b9);
  let counter = 0;
  return () => {
    const high = hash32(key + Math.imul(counter, 0x9e3779b1)) >>> 5;
    const low = hash32(second + Math.imul(counter++, 0x85ebca77)) >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  };
}

const filled = (shape: Shape, draw: () => number): Float32Array => {
  const values = new Float32Array(elementCount(shape));
  for (let i = 0; i < values.length; i++) values[i] = draw();
  return values;
};

/** A standard normal number (Box-Muller). */
const gaussian = (random: Random): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

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

// standard deviation of a standard normal truncated at two deviations, as flax divides by it (papers.md 1.3)
const truncatedDeviation = 0.87962566103423978;

/** Truncated normal (at two deviations) of variance 1 / fanIn. */
export const lecunNormal =
  (fanIn: number): Initializer =>
  (shape, random) => {
    const deviation = Math.sqrt(1 / fanIn) / truncatedDeviation;
    return filled(shape, () => {
      let value = gaussian(random);
      while (Math.abs(value) > 2) value = gaussian(random);
      return deviation * value;
    });
  };
