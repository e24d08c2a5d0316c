/**
 * Finds all pairs of 64-bit hashes within a Hamming distance, exactly, with a multi-index of their four 16-bit parts.
 *
 * Two hashes at distance r or less differ in at most t_k bits of some part k if the sum of (t_k + 1) exceeds r. Otherwise every part would
 * differ in more bits, and the hashes in at least the sum of (t_k + 1) bits. (This is the pigeonhole principle of multi-index hashing;
 * Norouzi, Punjani and Fleet, "Fast search in Hamming space with multi-index hashing", CVPR 2012.) For each part, the hashes are sorted by
 * it into 65,536 lists, and lists whose parts differ in at most t_k bits are compared entry by entry. A pair is reported by the first part
 * that finds it, so that no set of pairs has to be stored. Memory: 12 bytes for each hash besides the hashes. The time grows with the
 * square of the number of repetitions of a hash: join distinct hashes if many are equal.
 */
import { countBits, type Hashes } from "../describe/hash.js";

export interface HammingOptions {
  /** Largest distance, an integer from 0 to 63. */
  readonly distance: number;
  /** Called with the completed fraction, 0 to 1. */
  readonly onProgress?: (share: number) => void;
  readonly signal?: AbortSignal;
}

const parts = 4;
const partBits = 16;
const lists = 1 << partBits;
/** Milliseconds of work between two returns to the event loop, which handles Ctrl-C and updates the progress display. */
const slice = 50;
/** Number of comparisons between two reads of the clock: a few milliseconds. */
const clockEvery = 1 << 20;

/** Number of bits that each part may differ in, as evenly distributed as possible; the sum of (t + 1) is distance + 1, and -1 skips a part. */
export function partThresholds(distance: number): number[] {
  const total = distance + 1;
  return Array.from({ length: parts }, (_, k) => Math.floor(total / parts) + (k < total % parts ? 1 : 0) - 1);
}

/** Masks of `partBits` bits with at most `most` bits set, fewest bits first. */
function masks(most: number): Int32Array {
  const all = Array.from({ length: lists }, (_, mask) => mask).filter((mask) => countBits(mask) <= most);
  return Int32Array.from(all.sort((a, b) => countBits(a) - countBits(b) || a - b));
}

const partOf = (hashes: Hashes, index: number, part: number): number =>
  (hashes[2 * index + (part >> 1)]! >>> ((part & 1) * partBits)) & (lists - 1);

/** Hashes sorted into lists by one part. */
interface Index {
  /** Start of each list, and the total number of entries at the end. */
  readonly starts: Int32Array;
  readonly low: Uint32Array;
  readonly high: Uint32Array;
  readonly ids: Int32Array;
}

function indexBy(hashes: Hashes, part: number): Index {
  const count = hashes.length / 2;
  const starts = new Int32Array(lists + 1);
  for (let i = 0; i < count; i++) starts[partOf(hashes, i, part) + 1]!++;
  for (let list = 0; list < lists; list++) starts[list + 1]! += starts[list]!;
  const next = starts.slice(0, lists);
  const low = new Uint32Array(count);
  const high = new Uint32Array(count);
  const ids = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const at = next[partOf(hashes, i, part)]!++;
    low[at] = hashes[2 * i]!;
    high[at] = hashes[2 * i + 1]!;
    ids[at] = i;
  }
  return { starts, low, high, ids };
}

/** Whether a part before `part` finds two hashes that differ in these bits. */
function foundBefore(
  lowDifference: number,
  highDifference: number,
  part: number,
  thresholds: readonly number[],
): boolean {
  for (let k = 0; k < part; k++) {
    const word = k < 2 ? lowDifference : highDifference;
    if (countBits((word >>> ((k & 1) * partBits)) & (lists - 1)) <= thresholds[k]!) return true;
  }
  return false;
}

type OnPair = (first: number, second: number, distance: number) => void;

function checkHashes(hashes: Hashes): void {
  if (hashes.length % 2 !== 0) throw new Error(`expected two 32-bit words for each hash; got ${hashes.length} words`);
}

function checkDistance(distance: number): void {
  if (!Number.isInteger(distance) || distance < 0 || distance > 63)
    throw new Error(`invalid Hamming distance ${distance}; expected an integer from 0 to 63`);
}

/**
 * Calls `onPair` once for every two hashes of one list, i < j, that differ in at most `distance` bits, in no particular order.
 * @throws for a distance outside of 0 .. 63, and the signal's reason once it is aborted.
 */
export async function hammingSelfJoin(hashes: Hashes, options: HammingOptions, onPair: OnPair): Promise<void> {
  checkHashes(hashes);
  await join(hashes, undefined, options, (i, j, distance) => (i < j ? onPair(i, j, distance) : onPair(j, i, distance)));
}

/**
 * Calls `onPair` once for every hash of `left` and hash of `right` that differ in at most `distance` bits.
 * @throws the same errors as {@link hammingSelfJoin}.
 */
export async function hammingJoin(left: Hashes, right: Hashes, options: HammingOptions, onPair: OnPair): Promise<void> {
  checkHashes(left);
  checkHashes(right);
  await join(left, right, options, onPair);
}

async function join(
  left: Hashes,
  right: Hashes | undefined,
  { distance, onProgress = () => {}, signal }: HammingOptions,
  onPair: OnPair,
): Promise<void> {
  checkDistance(distance);
  signal?.throwIfAborted();
  const thresholds = partThresholds(distance);
  let sliceEnd = performance.now() + slice;
  let work = 0;
  for (let part = 0; part < parts; part++) {
    const most = thresholds[part]!;
    if (most < 0) continue;
    const near = masks(Math.min(most, partBits));
    const a = indexBy(left, part);
    const b = right === undefined ? a : indexBy(right, part);
    for (let list = 0; list < lists; list++) {
      const start = a.starts[list]!;
      const end = a.starts[list + 1]!;
      if (start === end) continue;
      for (let m = 0; m < near.length; m++) {
        const other = list ^ near[m]!;
        // In a self-join, every pair of lists is visited once, and a list is compared with itself above the diagonal.
        if (right === undefined && other < list) continue;
        const otherStart = b.starts[other]!;
        const otherEnd = b.starts[other + 1]!;
        if (otherStart === otherEnd) continue;
        const own = right === undefined && other === list;
        for (let i = start; i < end; i++) {
          work += otherEnd - otherStart;
          if (work > clockEvery) {
            work = 0;
            if (performance.now() > sliceEnd) {
              onProgress((part + list / lists) / parts);
              await new Promise(setImmediate);
              signal?.throwIfAborted();
              sliceEnd = performance.now() + slice;
            }
          }
          const low = a.low[i]!;
          const high = a.high[i]!;
          for (let j = own ? i + 1 : otherStart; j < otherEnd; j++) {
            // countBits, inlined: this is the innermost loop.
            const lowDifference = low ^ b.low[j]!;
            let x = lowDifference - ((lowDifference >>> 1) & 0x5555_5555);
            x = (x & 0x3333_3333) + ((x >>> 2) & 0x3333_3333);
            const highDifference = high ^ b.high[j]!;
            let y = highDifference - ((highDifference >>> 1) & 0x5555_5555);
            y = (y & 0x3333_3333) + ((y >>> 2) & 0x3333_3333);
            // The 4-bit sums of both words, at most 8 each, are added and still fit into their fields.
            const sum = ((x + (x >>> 4)) & 0x0f0f_0f0f) + ((y + (y >>> 4)) & 0x0f0f_0f0f);
            const differing = Math.imul(sum, 0x0101_0101) >>> 24;
            if (differing <= distance && !foundBefore(lowDifference, highDifference, part, thresholds))
              onPair(a.ids[i]!, b.ids[j]!, differing);
          }
        }
      }
      work += near.length;
    }
  }
  onProgress(1);
}
