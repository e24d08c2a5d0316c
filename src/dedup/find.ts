/** The search for near-duplicates: candidates by hashes and features, each verified by laying its thumbnails over each other. */

import { decodeImage } from "../images/index.js";
import { append, smallest } from "../text/arrays.js";
import { defined } from "../text/defined.js";
import { type Alignment, align, coarseAlignment } from "./compare/align.js";
import { leastCoarse, nearDuplicateScore, scoreOf } from "./compare/similarity.js";
import { prepareThumbnail, type Thumbnail } from "./compare/thumbnail.js";
import type { DescribedSet } from "./describe/describe-set.js";
import { digestBytes } from "./describe/descriptor.js";
import { hammingDistance, rotatedHash, thumbnailSide } from "./describe/hash.js";
import { rotatedPlaces, turns } from "./describe/turns.js";
import { components } from "./groups.js";
import {
  addHashCandidates,
  type Candidate,
  CandidateList,
  comparable,
  type Pool,
  poolOf,
} from "./search/candidates.js";
import type { FeatureRows } from "./search/feature-rows.js";
import { nearestRows } from "./search/neighbours.js";
import { thumbnailFeatures, views } from "./search/thumbnail-features.js";

/** Why two images count as near-duplicates. */
export type MatchKind = "same bytes" | "same pixels" | "near-duplicate" | "near features";

/** Two near-duplicates, a < b: `turns[turn]` of a lies in b as `placement` says. */
export interface Match {
  readonly a: number;
  readonly b: number;
  readonly kind: MatchKind;
  /** How alike they are, up to 1 (judge.ts); 1 for the same bytes and pixels, the cosine of near features. */
  readonly score: number;
  readonly turn: number;
}

export interface FindOptions {
  /** Largest Hamming distance of candidates by hash. */
  readonly distance?: number;
  /** Nearest images by features that are compared with each; 0 leaves features out. */
  readonly neighbours?: number;
  /** Least cosine of such neighbours. */
  readonly floor?: number;
  /** Compares parts of each thumbnail too, which finds crops; six times the work of neighbours. Default true. */
  readonly crops?: boolean;
  /** Features of all images, set after set: further neighbours are sought by them. Rows of zeros are near nothing. */
  readonly features?: FeatureRows;
  /** A cosine of `features` that makes a match by itself, where thumbnails do not agree; none unless given. */
  readonly featureCosine?: number;
  /** Least score of a near-duplicate (judge.ts). */
  readonly threshold?: number;
  readonly threads?: number;
  /** Hears of what is done and which share of it, 0 to 1. */
  readonly onProgress?: (stage: string, share: number) => void;
  readonly signal?: AbortSignal;
}

/** What stands for options that are left out. */
export const findDefaults = { distance: 8, neighbours: 6, floor: 0.7 } as const;

export interface Duplicates {
  readonly pool: Pool;
  /** In the order of their images. */
  readonly matches: readonly Match[];
  /** Images connected by matches, each group in ascending order. */
  readonly groups: readonly (readonly number[])[];
  /** Pairs that were compared. */
  readonly compared: number;
}

/**
 * Finds the near-duplicates within and between described sets.
 *
 * Candidates are the images whose hashes differ in `distance` bits or fewer in any flip or quarter turn, all of them, and the nearest by
 * features. Where more than a few images have one hash, each is compared with the first of them and with its neighbour only: their groups are
 * the same, their list of pairs is shorter.
 *
 * @throws the signal's reason once it is aborted.
 */
export async function findDuplicates(sets: readonly DescribedSet[], options: FindOptions = {}): Promise<Duplicates> {
  const { distance = findDefaults.distance, threshold = nearDuplicateScore, signal, onProgress = () => {} } = options;
  const pool = poolOf(sets);
  const list = new CandidateList(pool.count);
  const matches = sameBytes(pool);
  const known = new Set(matches.map(({ a, b }) => a * pool.count + b));
  const stage = (name: string) => ({ signal, onProgress: (share: number) => onProgress(name, share) });
  await addHashCandidates(pool, { distance, ...defined(stage("hashes")) }, list);
  const near = await addNeighbours(pool, options, list);
  const pairs = list.pairs();
  let compared = 0;
  const verifier = new Verifier(pool);
  let sliceEnd = performance.now() + slice;
  for (const candidates of byPair(pairs)) {
    compared += candidates.length;
    const { a, b } = candidates[0]!;
    if (!known.has(a * pool.count + b)) {
      const match = await verifier.match(candidates, threshold);
      if (match) matches.push(match);
    }
    if (performance.now() > sliceEnd) {
      onProgress("comparing", compared / pairs.count);
      await new Promise(setImmediate);
      signal?.throwIfAborted();
      sliceEnd = performance.now() + slice;
    }
  }
  const found = new Set(matches.map(({ a, b }) => a * pool.count + b));
  append(
    matches,
    near.filter(({ a, b }) => !found.has(a * pool.count + b)),
  );
  matches.sort((x, y) => x.a - y.a || x.b - y.b);
  const joined = components(pool.count);
  for (const { a, b } of matches) joined.join(a, b);
  return { pool, matches, groups: joined.groups(), compared };
}

/** Milliseconds of work between two moments in which the program hears Ctrl-C. */
const slice = 50;

/** Images of the same bytes: each with the first that has them. */
function sameBytes(pool: Pool): Match[] {
  const first = new Map<string, number>();
  const matches: Match[] = [];
  let image = 0;
  for (const set of pool.sets) {
    for (let i = 0; i < set.ids.length; i++, image++) {
      if (!set.readable[i]) continue;
      const digest = Buffer.from(set.digests.buffer, digestBytes * i, digestBytes).toString("latin1");
      const before = first.get(digest);
      if (before === undefined) first.set(digest, image);
      else matches.push({ a: before, b: image, kind: "same bytes", score: 1, turn: 0 });
    }
  }
  return matches;
}

/** Turns beside the picture as it is that are tried for neighbours by features: those whose hash is this near. */
const turnDistance = 16;

/** Adds the nearest images by thumbnails and by given features; returns the pairs that are near enough by the latter to count as they are. */
async function addNeighbours(pool: Pool, options: FindOptions, list: CandidateList): Promise<Match[]> {
  const { neighbours: k = findDefaults.neighbours, floor = findDefaults.floor, signal, onProgress, features } = options;
  if (features && features.rows !== pool.count)
    throw new Error(`there are features of ${features.rows} images, but ${pool.count} images`);
  if (k === 0 || pool.count < 2) return [];
  const whole = thumbnailFeatures(pool.sets);
  const parts = options.crops === false ? [] : views.slice(1);
  const steps = 1 + parts.length + (features ? 1 : 0);
  const search = async (left: FeatureRows, right: FeatureRows | undefined, count: number, step: number) => {
    const found = await nearestRows(left, right, count, floor, {
      onProgress: (share) => onProgress?.("neighbours", (step + share) / steps),
      signal,
      threads: options.threads,
    });
    addNearest(pool, found.indices, count, list);
    return found;
  };
  await search(whole, undefined, k, 0);
  // A picture is near its own parts: one more is sought. For each part half as many as for the whole.
  for (const [step, view] of parts.entries())
    await search(thumbnailFeatures(pool.sets, view), whole, Math.ceil(k / 2) + 1, 1 + step);
  if (!features) return [];
  const { indices, cosines } = await search(features, undefined, k, steps - 1);
  return nearFeatures(indices, cosines, k, options.featureCosine ?? Number.POSITIVE_INFINITY);
}

/** Neighbours whose cosine reaches `least`, each pair once. */
function nearFeatures(indices: Int32Array, cosines: Float32Array, k: number, least: number): Match[] {
  const seen = new Set<string>();
  const matches: Match[] = [];
  for (const [at, other] of indices.entries()) {
    if (other < 0 || cosines[at]! < least) continue;
    const image = Math.floor(at / k);
    const [a, b] = [Math.min(image, other), Math.max(image, other)];
    if (seen.has(`${a} ${b}`)) continue;
    seen.add(`${a} ${b}`);
    matches.push({ a, b, kind: "near features", score: cosines[at]!, turn: 0 });
  }
  return matches;
}

/** Adds each image with its nearest ones, as they are and in the turn that brings their hashes nearest. */
function addNearest(pool: Pool, indices: Int32Array, count: number, list: CandidateList): void {
  for (let image = 0; image < pool.count; image++) {
    const here = pool.locate(image);
    const own = pool.sets[here.set]!;
    if (!comparable(own, here.index)) continue;
    const rotated = turns.map((_, turn) => rotatedHash(hashAt(own, here.index), turn));
    for (let n = 0; n < count; n++) {
      const other = indices[image * count + n]!;
      if (other < 0) break;
      const there = pool.locate(other);
      const set = pool.sets[there.set]!;
      if (other === image || !comparable(set, there.index)) continue;
      list.add(image, other, 0);
      const distances = rotated.map((hash) => hammingDistance(hash, hashAt(set, there.index)));
      const best = distances.indexOf(smallest(distances));
      if (best !== 0 && distances[best]! <= turnDistance) list.add(image, other, best);
    }
  }
}

const hashAt = ({ hashes }: DescribedSet, index: number) => [hashes[2 * index]!, hashes[2 * index + 1]!] as const;

/** Candidates of one pair, in all the turns that were found for it. */
function* byPair(pairs: Iterable<Candidate>): Generator<readonly Candidate[]> {
  let together: Candidate[] = [];
  for (const candidate of pairs) {
    const { a, b } = together[0] ?? candidate;
    if (candidate.a !== a || candidate.b !== b) {
      yield together;
      together = [];
    }
    together.push(candidate);
  }
  if (together.length > 0) yield together;
}

const places = turns.map((turn) => rotatedPlaces(turn, thumbnailSide));
/** Thumbnails kept ready: pairs come in the order of their first image. */
const keptThumbnails = 4096;

/** Compares the images of a pool by their thumbnails, and by their pixels where those say the same. */
class Verifier {
  private readonly ready = new Map<number, Thumbnail>();

  constructor(private readonly pool: Pool) {}

  /** The best of a pair's candidates, if it reaches the threshold. */
  async match(candidates: readonly Candidate[], threshold: number): Promise<Match | undefined> {
    const { a, b } = candidates[0]!;
    const second = await this.thumbnail(b, 0);
    let best: { score: number; turn: number; alignment: Alignment } | undefined;
    for (const { turn } of candidates) {
      const first = await this.thumbnail(a, turn);
      const start = coarseAlignment(first, second);
      if (start.correlation < leastCoarse) continue;
      const alignment = align(first, second, start);
      const score = scoreOf(alignment);
      if (!best || score > best.score) best = { score, turn, alignment };
    }
    if (!best || best.score < threshold) return undefined;
    const { score, turn } = best;
    if (turn === 0 && (await this.samePixels(a, b, best.alignment)))
      return { a, b, kind: "same pixels", score: 1, turn };
    return { a, b, kind: "near-duplicate", score, turn };
  }

  private async thumbnail(image: number, turn: number): Promise<Thumbnail> {
    const key = image * turns.length + turn;
    const known = this.ready.get(key);
    if (known) return known;
    const { set, index } = this.pool.locate(image);
    const { luminance } = await this.pool.sets[set]!.descriptor(index);
    const made = prepareThumbnail(
      turn === 0 ? luminance : Uint8Array.from(places[turn]!, (place) => luminance[place]!),
    );
    if (this.ready.size >= keptThumbnails) this.ready.delete(this.ready.keys().next().value!);
    this.ready.set(key, made);
    return made;
  }

  /** Whether two images of one size, whose thumbnails hardly differ, have the same pixels. */
  private async samePixels(a: number, b: number, { luminance }: Alignment): Promise<boolean> {
    if (luminance < 0.99) return false;
    const [first, second] = [this.pool.locate(a), this.pool.locate(b)];
    const [left, right] = [this.pool.sets[first.set]!, this.pool.sets[second.set]!];
    const size = ({ sizes }: DescribedSet, index: number) => [sizes[2 * index]!, sizes[2 * index + 1]!];
    if (size(left, first.index).join() !== size(right, second.index).join()) return false;
    const pixels = async (set: DescribedSet, index: number): Promise<Uint8Array | Float32Array> =>
      (await decodeImage((await set.source.get(index)).image, set.ids[index]!)).data;
    const [p, q] = [await pixels(left, first.index), await pixels(right, second.index)];
    return p.length === q.length && p.every((value, i) => value === q[i]);
  }
}
