/** Random numbers of a seed and a name, such as the path of a parameter; the draws of one name do not depend on others. */
import { hashCounter } from "./counter.js";
import type { Uniform } from "./distributions.js";

/**
 * Uniform numbers on [0, 1), 53 bits each, of a 32-bit seed and a name. The generator is sfc32, Chris Doty-Humphrey's small fast counting
 * generator of PractRand. Its state has 128 bits, so that no two parameters use overlapping parts of one sequence. Two hashed 32-bit counters
 * would overlap once in every few million draws.
 */
export function keyedRandom(seed: number, name: string): Uniform {
  const start = hashCounter(seed ^ 0x5bd1e995);
  let a = start;
  let b = hashCounter(start ^ 0x9e3779b9);
  for (const character of name) {
    const code = character.codePointAt(0)!;
    a = hashCounter(a ^ code);
    b = hashCounter((b + Math.imul(code, 0x85ebca77)) >>> 0);
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
  for (let i = 0; i < 15; i++) next(); // Mix until every bit of the key affects every bit of the state.
  return () => ((next() >>> 5) * 67108864 + (next() >>> 6)) / 9007199254740992;
}
