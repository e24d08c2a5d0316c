/** Collects candidate pairs of images: those with near hashes under any of the eight rotations, and those with near features. */
import type { DescribedSet } from "../describe/describe-set.js";
import { type Hashes, rotatedHash } from "../describe/hash.js";
import { inverseTurn, turns } from "../describe/turns.js";
import { type HammingOptions, hammingJoin, hammingSelfJoin } from "./hamming.js";

/** Images of several datasets with consecutive indices, dataset after dataset. */
export interface Pool {
  readonly sets: readonly DescribedSet[];
  readonly count: number;
  /** Returns the dataset of an image and its index there. */
  locate(image: number): { readonly set: number; readonly index: number };
}

/** Numbers the images of the datasets consecutively. */
export function poolOf(sets: readonly DescribedSet[]): Pool {
  const starts: number[] = [];
  let count = 0;
  for (const { ids } of sets) {
    starts.push(count);
    count += ids.length;
  }
  // The key of a pair and its rotation must be an integer that float64 represents exactly.
  if (count > maxImages)
    throw new Error(`cannot search ${count} images; expected at most ${maxImages}, so split the dataset`);
  return {
    sets,
    count,
    locate: (image) => {
      let set = starts.length - 1;
      while (starts[set]! > image) set--;
      return { set, index: image - starts[set]! };
    },
  };
}

const maxImages = 30_000_000;

/** A pair of images, a < b; `turns[turn]` of a may match b. */
export interface Candidate {
  readonly a: number;
  readonly b: number;
  readonly turn: number;
}

/** Collects pairs without duplicates. */
export class CandidateList {
  private keys = new Float64Array(1024);
  private used = 0;

  constructor(private readonly images: number) {}

  /** Adds a pair; `turn` is applied to `a`. */
  add(a: number, b: number, turn: number): void {
    if (a === b) return;
    const [first, second, done] = a < b ? [a, b, turn] : [b, a, inverseTurn(turn)];
    if (this.used === this.keys.length) {
      this.compact();
      if (2 * this.used > this.keys.length) {
        const larger = new Float64Array(2 * this.keys.length);
        larger.set(this.keys);
        this.keys = larger;
      }
    }
    this.keys[this.used++] = (first * this.images + second) * turns.length + done;
  }

  /** Returns the number of pairs and an iterator that is sorted by image indices. */
  pairs(): { readonly count: number; [Symbol.iterator](): Iterator<Candidate> } {
    this.compact();
    const { keys, used, images } = this;
    return {
      count: used,
      *[Symbol.iterator]() {
        for (let i = 0; i < used; i++) {
          const key = keys[i]!;
          const turn = key % turns.length;
          const pair = (key - turn) / turns.length;
          const b = pair % images;
          yield { a: (pair - b) / images, b, turn };
        }
      },
    };
  }

  /** Sorts the pairs and removes duplicates. */
  private compact(): void {
    const sorted = this.keys.subarray(0, this.used).sort();
    let kept = 0;
    for (let i = 0; i < sorted.length; i++) if (i === 0 || sorted[i] !== sorted[kept - 1]) sorted[kept++] = sorted[i]!;
    this.used = kept;
  }
}

/** Minimum standard deviation of the luminance, in levels of 0 to 255. Images below it match only by equal bytes. */
export const leastContrast = 2;

/** Whether an image has enough contrast to be compared. */
export const comparable = ({ readable, contrast }: DescribedSet, index: number): boolean =>
  readable[index] === 1 && contrast[index]! >= leastContrast;

/** The distinct hashes of the pool, each with the images that have it. */
interface DistinctHashes {
  readonly hashes: Hashes;
  members(distinct: number): Int32Array;
}

function distinctHashes(pool: Pool): DistinctHashes {
  const low = new Uint32Array(pool.count);
  const high = new Uint32Array(pool.count);
  const order: number[] = [];
  let offset = 0;
  for (const set of pool.sets) {
    for (let i = 0; i < set.ids.length; i++) {
      low[offset + i] = set.hashes[2 * i]!;
      high[offset + i] = set.hashes[2 * i + 1]!;
      if (comparable(set, i)) order.push(offset + i);
    }
    offset += set.ids.length;
  }
  const sorted = Int32Array.from(order).sort((a, b) => high[a]! - high[b]! || low[a]! - low[b]! || a - b);
  const starts: number[] = [];
  for (let i = 0; i < sorted.length; i++) {
    const [image, before] = [sorted[i]!, sorted[i - 1]];
    if (before === undefined || low[image] !== low[before] || high[image] !== high[before]) starts.push(i);
  }
  const hashes = new Uint32Array(2 * starts.length);
  for (const [d, start] of starts.entries()) hashes.set([low[sorted[start]!]!, high[sorted[start]!]!], 2 * d);
  return { hashes, members: (d) => sorted.subarray(starts[d]!, starts[d + 1] ?? sorted.length) };
}

/** Maximum number of pairs between the images of two hashes that are all compared; above it, each image is paired with the first and the next. */
const allPairsUpTo = 64;

/** Adds the pairs of images that share a hash. */
function addMembers(members: Int32Array, list: CandidateList): void {
  const all = (members.length * (members.length - 1)) / 2 <= allPairsUpTo;
  for (let i = 1; i < members.length; i++) {
    if (all) for (let j = 0; j < i; j++) list.add(members[j]!, members[i]!, 0);
    else {
      list.add(members[0]!, members[i]!, 0);
      list.add(members[i - 1]!, members[i]!, 0);
    }
  }
}

/** Adds the pairs between the images of two near hashes. If there are many, only the first two: the others are compared with these already. */
function addBetween(a: Int32Array, b: Int32Array, turn: number, list: CandidateList): void {
  if (a.length * b.length <= allPairsUpTo) for (const i of a) for (const j of b) list.add(i, j, turn);
  else list.add(a[0]!, b[0]!, turn);
}

/** Adds all pairs of images whose hashes differ in at most `options.distance` bits under any of the eight rotations. */
export async function addHashCandidates(pool: Pool, options: HammingOptions, list: CandidateList): Promise<void> {
  const { hashes, members } = distinctHashes(pool);
  const count = hashes.length / 2;
  for (let d = 0; d < count; d++) addMembers(members(d), list);
  // The rotation to the left finds the same pairs as the rotation to the right with the images swapped, so it is skipped.
  const searched = turns.map((_, turn) => turn).filter((turn) => turn !== 6);
  for (const [step, turn] of searched.entries()) {
    const part = {
      ...options,
      onProgress: (share: number) => options.onProgress?.((step + share) / searched.length),
    };
    const add = (i: number, j: number) => addBetween(members(i), members(j), turn, list);
    if (turn === 0) await hammingSelfJoin(hashes, part, add);
    else {
      const rotated = new Uint32Array(hashes.length);
      for (let d = 0; d < count; d++) rotated.set(rotatedHash([hashes[2 * d]!, hashes[2 * d + 1]!], turn), 2 * d);
      await hammingJoin(rotated, hashes, part, add);
    }
  }
}
