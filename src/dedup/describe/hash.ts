/**
 * Perceptual 64-bit hash of an image: the signs of its low spatial frequencies.
 *
 * A 32 x 32 luminance thumbnail is transformed by the discrete cosine transform (DCT-II). Each bit is 1 if the coefficient (u, v) is
 * positive, for the 64 coefficients with 1 <= u + v <= 10 except (5, 5). Signs do not change with brightness and contrast, and change little
 * with size, compression, sharpening and blur. The set of frequencies is symmetric in u and v, and a flip changes the sign of the odd
 * frequencies of its axis. The hashes of all eight flips and rotations therefore follow from one hash by permuting and inverting bits,
 * without access to the image. (Several published hashes use signs of cosine coefficients. The frequencies, their order and the rotations
 * here are specific to this project, so hashes of other programs are not compatible.)
 */
import { type Turn, turns } from "./turns.js";

/** Side of the thumbnails, in pixels. */
export const thumbnailSide = 32;

/** Largest u + v of a frequency in the hash; 65 frequencies have 1 <= u + v <= 10. */
const highest = 10;

/** Frequencies in the order of their bits: [along rows (v), along columns (u)]. */
export const frequencies: readonly (readonly [number, number])[] = Array.from({ length: highest }, (_, k) => k + 1)
  .flatMap((sum) => Array.from({ length: sum + 1 }, (_, v) => [v, sum - v] as const))
  .filter(([v, u]) => !(v === 5 && u === 5));

/** cosines[k * side + i] = cos(pi (i + 1/2) k / side): one row for each frequency of the DCT-II. */
const cosines = Float64Array.from({ length: (highest + 1) * thumbnailSide }, (_, at) => {
  const k = Math.floor(at / thumbnailSide);
  return Math.cos((Math.PI * ((at % thumbnailSide) + 0.5) * k) / thumbnailSide);
});

/** Computes the unnormalised DCT-II coefficients of a 32 x 32 luminance thumbnail, one for each of `frequencies`. */
export function lowFrequencies(luminance: ArrayLike<number>): Float64Array {
  const side = thumbnailSide;
  // Transform along each row first: [side, highest + 1].
  const rows = new Float64Array(side * (highest + 1));
  for (let y = 0; y < side; y++) {
    for (let u = 0; u <= highest; u++) {
      let sum = 0;
      for (let x = 0; x < side; x++) sum += luminance[y * side + x]! * cosines[u * side + x]!;
      rows[y * (highest + 1) + u] = sum;
    }
  }
  return Float64Array.from(frequencies, ([v, u]) => {
    let sum = 0;
    for (let y = 0; y < side; y++) sum += rows[y * (highest + 1) + u]! * cosines[v * side + y]!;
    return sum;
  });
}

/** A 64-bit hash as two 32-bit words: bits 0 to 31 and bits 32 to 63. */
export type Hash = readonly [number, number];

/** Computes the hash of a 32 x 32 luminance thumbnail. */
export function hashOf(luminance: ArrayLike<number>): Hash {
  const words: [number, number] = [0, 0];
  const coefficients = lowFrequencies(luminance);
  for (let bit = 0; bit < 64; bit++) if (coefficients[bit]! > 0) words[bit >> 5]! |= 1 << (bit & 31);
  return [words[0] >>> 0, words[1] >>> 0];
}

interface BitTable {
  /** Source bit of each bit of the rotated hash. */
  readonly from: Uint8Array;
  /** Mask of the bits that are inverted afterwards. */
  readonly inverted: Hash;
}

function bitTable({ transpose, flipRows, flipColumns }: Turn): BitTable {
  const place = new Map(frequencies.map(([v, u], bit) => [`${v},${u}`, bit]));
  const inverted: [number, number] = [0, 0];
  const from = Uint8Array.from(frequencies, ([v, u], bit) => {
    // Coefficient (row, column) of the image before the rotation.
    const [row, column] = transpose ? [u, v] : [v, u];
    const odd = (flipRows && row % 2 === 1) !== (flipColumns && column % 2 === 1);
    if (odd) inverted[bit >> 5]! |= 1 << (bit & 31);
    return place.get(`${row},${column}`)!;
  });
  return { from, inverted: [inverted[0] >>> 0, inverted[1] >>> 0] };
}

const bitTables: readonly BitTable[] = turns.map(bitTable);

/** Computes the hash of the rotated image, `turns[turn]`. Exact except for coefficients that are exactly 0. */
export function rotatedHash([low, high]: Hash, turn: number): Hash {
  const { from, inverted } = bitTables[turn]!;
  let first = 0;
  let second = 0;
  for (let bit = 0; bit < 32; bit++) {
    const one = from[bit]!;
    const two = from[bit + 32]!;
    first |= (((one < 32 ? low : high) >>> (one & 31)) & 1) << bit;
    second |= (((two < 32 ? low : high) >>> (two & 31)) & 1) << bit;
  }
  return [(first ^ inverted[0]) >>> 0, (second ^ inverted[1]) >>> 0];
}

/** Counts the set bits of a 32-bit word. */
export function countBits(word: number): number {
  let x = word - ((word >>> 1) & 0x5555_5555);
  x = (x & 0x3333_3333) + ((x >>> 2) & 0x3333_3333);
  return Math.imul((x + (x >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}

/** Number of bits in which two hashes differ. */
export function hammingDistance(a: Hash, b: Hash): number {
  return countBits(a[0] ^ b[0]) + countBits(a[1] ^ b[1]);
}

/** Hashes of two 32-bit words each: [hash 0 low, hash 0 high, hash 1 low, ...]. */
export type Hashes = Uint32Array;
