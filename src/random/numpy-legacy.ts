/** Reproduces the random choices of NumPy's RandomState, with which TensorFlow Datasets splits two datasets: a Mersenne Twister and its shuffle. */

const size = 624;
const middle = 397;

/**
 * MT19937 (Matsumoto and Nishimura 1998), seeded by one number like `numpy.random.seed`; returns its 32-bit outputs.
 */
function mersenneTwister(seed: number): () => number {
  const state = new Uint32Array(size);
  state[0] = seed;
  for (let i = 1; i < size; i++) {
    const before = state[i - 1]! ^ (state[i - 1]! >>> 30);
    state[i] = Math.imul(1812433253, before) + i;
  }
  let at = size;
  return () => {
    if (at === size) {
      for (let i = 0; i < size; i++) {
        const mixed = (state[i]! & 0x80000000) | (state[(i + 1) % size]! & 0x7fffffff);
        state[i] = state[(i + middle) % size]! ^ (mixed >>> 1) ^ (mixed & 1 ? 0x9908b0df : 0);
      }
      at = 0;
    }
    let value = state[at++]!;
    value ^= value >>> 11;
    value ^= (value << 7) & 0x9d2c5680;
    value ^= (value << 15) & 0xefc60000;
    return (value ^ (value >>> 18)) >>> 0;
  };
}

/** `numpy.random.seed(seed)`, followed by any number of calls of `numpy.random.choice(items, count, replace=False)`. */
export function createNumpyChoice(seed: number): <T>(items: readonly T[], count: number) => T[] {
  const next = mersenneTwister(seed);
  // Draws an integer from 0 to `most`: masked to as many bits, and drawn again while it is larger.
  const interval = (most: number): number => {
    const mask = 2 ** (32 - Math.clz32(most)) - 1;
    for (;;) {
      const value = (next() & mask) >>> 0;
      if (value <= most) return value;
    }
  };
  return (items, count) => {
    if (count > items.length) throw new Error(`${count} of ${items.length} cannot be chosen without repeats`);
    const order = items.map((_, i) => i);
    for (let i = order.length - 1; i > 0; i--) {
      const j = interval(i);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order.slice(0, count).map((i) => items[i]!);
  };
}
