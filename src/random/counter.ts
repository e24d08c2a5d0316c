/**
 * Random numbers as a pure function of a seed, a stream and an index. This is the host's definition of what the graph's random operations
 * compute (src/graph/ops/random.ts).
 */

/** Multiplier of the counter: 2^32 over the golden ratio, made odd, so that consecutive counters are far apart. */
export const counterFactor = 0x9e3779b1;

/**
 * The 32-bit finaliser "lowbias32" of an unsigned integer (Chris Wellons, "Prospecting for Hash Functions"; constants 0x7feb352d and
 * 0x846ca68b, shifts 16, 15, 16).
 */
export function hashCounter(value: number): number {
  let x = value >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** Entry `index` of a stream of uniform numbers on [0, 1), multiples of 2^-24. */
export function uniformAt(seed: number, stream: number, index: number): number {
  const start = (Math.imul(index, counterFactor) + hashCounter((seed ^ hashCounter(stream)) >>> 0)) >>> 0;
  return (hashCounter(start) >>> 8) * 2 ** -24;
}
