/**
 * Seeded random numbers for data. A generator is derived from keys such as (seed, epoch, example index), so that the draws for an example do
 * not depend on the order in which examples are read or on the number of workers.
 *
 * The keys are hashed to four 32-bit words (the 32-bit finaliser of MurmurHash3, Appleby 2011), which initialise xoshiro128**
 * (Blackman and Vigna 2018, "Scrambled linear pseudorandom number generators"). All arithmetic is on 32-bit integers, so the
 * numbers are the same on every machine.
 */

/** A random number generator; every call advances its state. */
export interface Random {
  /** A uniform integer on [0, 2^32). */
  next(): number;
  /** A uniform number on [0, 1), a multiple of 2^-32. */
  uniform(): number;
  /** A uniform number on [low, high). */
  range(low: number, high: number): number;
  /** A uniform integer on [0, n), without bias; n from 1 to 2^32. */
  integer(n: number): number;
}

/** Key of a generator: a safe integer or a string. */
export type RandomKey = number | string;

/** Hashes keys to an unsigned 32-bit number; different values of `salt` give independent hashes of the same keys. */
export function hashKeys(keys: readonly RandomKey[], salt = 0): number {
  let h = finalise(salt ^ 0x9e3779b9);
  for (const key of keys) {
    if (typeof key === "string") {
      h = absorb(h, 0x53545200 ^ key.length);
      for (let i = 0; i < key.length; i++) h = absorb(h, key.charCodeAt(i));
    } else {
      if (!Number.isSafeInteger(key)) throw new Error(`a random key must be a whole number or a string, not ${key}`);
      h = absorb(h, key | 0);
      h = absorb(h, Math.floor(key / 4294967296) | 0);
    }
  }
  return finalise(h ^ keys.length) >>> 0;
}

/** Derives a generator from keys: equal keys give equal sequences. */
export function createRandom(...keys: RandomKey[]): Random {
  // The all-zero state is a fixed point of xoshiro; setting one bit of the last word rules it out.
  return randomFrom([hashKeys(keys, 1), hashKeys(keys, 2), hashKeys(keys, 3), hashKeys(keys, 4) | 1]);
}

/** xoshiro128** with a state of four 32-bit words that are not all zero. */
export function randomFrom(state: readonly [number, number, number, number]): Random {
  let [a, b, c, d] = state;
  const next = (): number => {
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9);
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = rotateLeft(d, 11);
    return result >>> 0;
  };
  const uniform = (): number => next() / 4294967296;
  const integer = (n: number): number => {
    if (!(Number.isInteger(n) && n >= 1 && n <= 4294967296))
      throw new Error(`integer(n) needs a whole n from 1 to 2^32, not ${n}`);
    // Numbers in the last, incomplete multiple of n are rejected, so that every remainder is equally likely.
    const limit = 4294967296 - (4294967296 % n);
    let value = next();
    while (value >= limit) value = next();
    return value % n;
  };
  return { next, uniform, integer, range: (low, high) => low + (high - low) * uniform() };
}

/** Returns a uniformly random permutation of 0 .. n-1 (Fisher-Yates) drawn from the generator of `keys`. */
export const permutation = (n: number, ...keys: RandomKey[]): Int32Array =>
  drawPermutation(n, createRandom("permutation", ...keys));

/** Draws a uniformly random permutation of 0 .. n-1 (Fisher-Yates). */
export function drawPermutation(n: number, random: Random): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    const swapped = order[i]!;
    order[i] = order[j]!;
    order[j] = swapped;
  }
  return order;
}

function rotateLeft(x: number, bits: number): number {
  return (x << bits) | (x >>> (32 - bits));
}

function finalise(x: number): number {
  let h = x ^ (x >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}

function absorb(h: number, word: number): number {
  return (Math.imul(rotateLeft(h ^ finalise(word), 13), 5) + 0xe6546b64) | 0;
}
