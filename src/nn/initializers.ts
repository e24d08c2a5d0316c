/**
 * First values of parameters, as the reference code draws them (papers.md 1.3). A parameter's draws depend only on the
 * seed and its own path, so adding one parameter changes no other.
 */
import { elementCount, hash32, type Shape } from "../graph/index.js";

/** Draws the first values of a parameter. */
export type Initializer = (shape: Shape, random: Random) => Float32Array;

/** Uniform numbers in [0, 1), 53 bits each. */
export type Random = () => number;

/**
 * A generator keyed by a 32-bit seed and a name: sfc32, Chris Doty-Humphrey's small fast counting generator of PractRand
 * (128 bits of state, so that no two parameters run through the same stretch of one sequence, as two hashed counters of
 * 32 bits would for every few million draws).
 */
export function keyedRandom(seed: number, name: string): Random {
  const start = hash32(seed ^ 0x5bd1e995);
  let a = start;
  let b = hash32(start ^ 0x9e3779b9);
  for (const character of name) {
    const code = character.codePointAt(0)!;
    a = hash32(a ^ code);
    b = hash32((b + Math.imul(code, 0x85ebca77)) >>> 0);
  }
  let c = start;
  let counter = 1;
  const next = (): number => {
    const drawn = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + drawn) | 0;
    return drawn >>> 0;
  };
  for (let i = 0; i < 15; i++) next(); // until every bit of the key has reached every bit of the state
  return () => ((next() >>> 5) * 67108864 + (next() >>> 6)) / 9007199254740992;
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
