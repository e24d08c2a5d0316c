/**
 * All pairs of 64-bit hashes within a Hamming distance, exactly, by a multi-index of their four 16-bit parts.
 *
 * Two hashes at distance r or less differ in at most t_k bits of some part k as soon as the sum of (t_k + 1) exceeds r: if every
 * part differed in more, the hashes would differ in at least the sum of (t_k + 1) bits (the pigeonhole principle of
 * multi-index hashing; Norouzi, Punjani and Fleet, "Fast search in Hamming space with multi-index hashing", CVPR 2012). For each
 * part the hashes are sorted into 65,536 lists by it; lists whose parts differ in t_k bits or fewer are compared entry by
 * entry. A pair is reported in the first part that finds it, so that no set of pairs need be kept. Memory: 12 bytes a hash beside the
 * hashes. Time grows with the square of how often a hash is repeated: join distinct hashes where many are equal.
 */
import { countBits, type Hashes } from "../describe/hash.js";

export interface HammingOptions {
  /** Largest distance, 0 to 63. */
  readonly distance: number;
  /** Hears of a share from 0 to 1 that is done. */
  readonly onProgress?: (share: number) => void;
  readonly signal?: AbortSignal;
}

const parts = 4;
const partBits = 16;
const lists = 1 << partBits;
/** Milliseconds of work between two moments in which the program hears Ctrl-C and draws its progress. */
const slice = 50;
/** Comparisons between two looks at the clock: a few milliseconds. */
const clockEvery = 1 << 20;

/** How many bits each part may differ in: as even as can be, the sum of (t + 1) being distance + 1; -1 leaves a part out. */
export function partThresholds(distance: number): number[] {
  const total = distance + 1;
  return Array.from({ length: parts }, (_, k) => Math.floor(total / parts) + (k < total % parts ? 1 : 0) - 1);
}

/** Numbers of `partBits` bits with at most `most` bits set, fewest bits first. */
function masks(most: number): Int32Array {
  const all = Array.from({ length: lists }, (_, mask) => mask).filter((mask) => countBits(mask) <= most);
  return Int32Array.from(all.sort((a, b) => countBits(a) - countBits(b) || a - b));
}

const partOf = (hashes: Hashes, index: number, part: number): number =>
  (hashes[2 * index + (part >> 1)]! >>> ((part & 1) * partBits)) & (lists - 1);

/** Hashes sorted into lists by one part. */
interface Index {
  /** Where each list begins; one more than there are lists. */
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

/** Whether an earlier part than `part` finds two hashes that differ in these bits. */
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
  if (hashes.length % 2 !== 0) throw new Error(`hashes are two words each; got ${hashes.length} words`);
}

function checkDistance(distance: number): void {
  if (!Number.isInteger(distance) || distance < 0 || distance > 63)
    throw new Error(`a Hamming distance between 64-bit hashes is a whole number from 0 to 63, not ${distance}`);
}

/**
 * Calls `onPair` once for every two hashes of one list, i < j, that differ in `distance` bits or fewer; in no particular order.
 * @throws for a distance outside of 0 .. 63, and the signal's reason once it is aborted.
 */
export async function hammingSelfJoin(hashes: Hashes, options: HammingOptions, onPair: OnPair): Promise<void> {
  checkHashes(hashes);
  await join(hashes, undefined, options, (i, j, distance) => (i < j ? onPair(i, j, distance) : onPair(j, i, distance)));
}

/**
 * Calls `onPair` once for every hash of `left` and hash of `right` that differ in `distance` bits or fewer.
 * @throws as {@link hammingSelfJoin} does.
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
        // Within one set every two lists meet once, and a list meets itself above its diagonal.
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
            // countBits, written out: the innermost loop.
            const lowDifference = low ^ b.low[j]!;
            let x = lowDifference - ((lowDifference >>> 1) & 0x5555_5555);
            x = (x & 0x3333_3333) + ((x >>> 2) & 0x3333_3333);
            const highDifference = high ^ b.high[j]!;
            let y = highDifference - ((highDifference >>> 1) & 0x5555_5555);
            y = (y & 0x3333_3333) + ((y >>> 2) & 0x3333_3333);
            // Both words' sums of four bits, at most 8 each, fit into their four places together.
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
