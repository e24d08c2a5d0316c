/** Reproduces NumPy's `default_rng(seed)` bit for bit, so that a seed draws the same support images as the reference evaluator. */

// SeedSequence constants: numpy/random/bit_generator.pyx, after O'Neill's "Developing a seed_seq alternative".
const INITIAL_A = 0x43b0d7e5;
const MULTIPLIER_A = 0x931e8875;
const INITIAL_B = 0x8b51f9dd;
const MULTIPLIER_B = 0x58f38ded;
const MIX_LEFT = 0xca01f9dd;
const MIX_RIGHT = 0x4973f715;
const POOL_SIZE = 4;

// PCG64: O'Neill, "PCG: A Family of Simple Fast Space-Efficient Statistically Good Algorithms", HMC-CS-2014-0905.
const PCG_MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;
const MASK_128 = (1n << 128n) - 1n;
const MASK_64 = (1n << 64n) - 1n;

/** A random stream equal to NumPy's `default_rng(seed)`; as there, results depend on the order of calls. */
export interface NumpyGenerator {
  /** Uniform 64-bit integer. */
  nextUint64(): bigint;
  /** Uniform 32-bit integer: the low, then the high half of one 64-bit draw. */
  nextUint32(): number;
  /** Uniform double in [0, 1), NumPy's `random()`. */
  random(): number;
  /** Shuffled copy of `values`, or of 0 … n - 1 for a number, NumPy's `permutation`. */
  permutation(values: number | ArrayLike<number>): number[];
}

/** Little-endian 32-bit words of a non-negative integer, at least one. */
function seedWords(seed: number | bigint): number[] {
  if (typeof seed === "number" && !Number.isSafeInteger(seed)) {
    throw new Error(`seed is ${seed}; give an integer of 0 or more (a bigint above 2^53)`);
  }
  let rest = BigInt(seed);
  if (rest < 0n) throw new Error(`seed is ${seed}; give an integer of 0 or more`);
  const words: number[] = [];
  do {
    words.push(Number(rest & 0xffffffffn));
    rest >>= 32n;
  } while (rest > 0n);
  return words;
}

/** The four 64-bit words that NumPy's `SeedSequence(seed).generate_state(4, uint64)` returns. */
export function seedSequence(seed: number | bigint): bigint[] {
  const entropy = seedWords(seed);
  let constant = INITIAL_A;
  const hash = (value: number): number => {
    const keyed = value ^ constant;
    constant = Math.imul(constant, MULTIPLIER_A);
    const product = Math.imul(keyed, constant);
    return (product ^ (product >>> 16)) >>> 0;
  };
  const mix = (x: number, y: number): number => {
    const difference = Math.imul(MIX_LEFT, x) - Math.imul(MIX_RIGHT, y);
    return (difference ^ (difference >>> 16)) >>> 0;
  };

  const pool = Array.from({ length: POOL_SIZE }, (_, i) => hash(entropy[i] ?? 0));
  for (let source = 0; source < POOL_SIZE; source++) {
    for (let target = 0; target < POOL_SIZE; target++) {
      if (source !== target) pool[target] = mix(pool[target]!, hash(pool[source]!));
    }
  }
  for (const word of entropy.slice(POOL_SIZE)) {
    for (let target = 0; target < POOL_SIZE; target++) pool[target] = mix(pool[target]!, hash(word));
  }

  constant = INITIAL_B;
  const words = Array.from({ length: 2 * POOL_SIZE }, (_, i) => {
    const keyed = pool[i % POOL_SIZE]! ^ constant;
    constant = Math.imul(constant, MULTIPLIER_B);
    const product = Math.imul(keyed, constant);
    return (product ^ (product >>> 16)) >>> 0;
  });
  return Array.from({ length: POOL_SIZE }, (_, i) => (BigInt(words[2 * i + 1]!) << 32n) | BigInt(words[2 * i]!));
}

/** Output function XSL-RR of PCG64: the XOR of the halves, rotated right by the top six bits. */
function xorShiftRotate(state: bigint): bigint {
  const value = (state >> 64n) ^ (state & MASK_64);
  const rotation = state >> 122n;
  return ((value >> rotation) | (value << (64n - rotation))) & MASK_64;
}

/**
 * Creates the random stream of NumPy's `default_rng(seed)`: SeedSequence, PCG64, and the shuffle of `Generator.permutation`.
 *
 * Throws if the seed is negative or not an integer. Checked against NumPy 2.4 (tests/random/numpy-generator.test.ts): seed states,
 * doubles, 32- and 64-bit integers, and permutations for seeds of one to four words.
 *
 * @example
 * numpyGenerator(0).permutation(10); // [4, 6, 2, 7, 3, 5, 9, 0, 8, 1]
 */
export function numpyGenerator(seed: number | bigint): NumpyGenerator {
  const [stateHigh, stateLow, streamHigh, streamLow] = seedSequence(seed) as [bigint, bigint, bigint, bigint];
  const increment = ((((streamHigh << 64n) | streamLow) << 1n) & MASK_128) | 1n;
  // PCG seeding: one step from state 0 gives the increment; then the seed is added and a second step is made.
  let state = ((increment + ((stateHigh << 64n) | stateLow)) * PCG_MULTIPLIER + increment) & MASK_128;
  let spare: number | undefined;

  const nextUint64 = (): bigint => {
    state = (state * PCG_MULTIPLIER + increment) & MASK_128;
    return xorShiftRotate(state);
  };

  const nextUint32 = (): number => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    const value = nextUint64();
    spare = Number(value >> 32n);
    return Number(value & 0xffffffffn);
  };

  // NumPy's random_interval, which its shuffle uses: draws as many bits as `maximum` has until the number is in range.
  const upTo = (maximum: number): number => {
    const mask = 2 ** (32 - Math.clz32(maximum)) - 1;
    for (;;) {
      const value = (nextUint32() & mask) >>> 0;
      if (value <= maximum) return value;
    }
  };

  return {
    nextUint64,
    nextUint32,
    random: () => Number(nextUint64() >> 11n) * 2 ** -53,
    permutation: (values) => {
      const result = typeof values === "number" ? Array.from({ length: values }, (_, i) => i) : Array.from(values);
      for (let i = result.length - 1; i >= 1; i--) {
        const j = upTo(i);
        const kept = result[i]!;
        result[i] = result[j]!;
        result[j] = kept;
      }
      return result;
    },
  };
}
