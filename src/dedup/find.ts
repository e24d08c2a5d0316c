/** Searches for near-duplicates: hashes and features give candidates, and aligning their thumbnails verifies each. */

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

/** Two near-duplicates, a < b: `turns[turn]` of a is aligned with b by `placement`. */
export interface Match {
  readonly a: number;
  readonly b: number;
  readonly kind: MatchKind;
  /** Similarity, at most 1 (compare/similarity.ts): 1 for the same bytes and pixels, the cosine for near features. */
  readonly score: number;
  readonly turn: number;
}

/** Options of the search for near-duplicates. */
export interface FindOptions {
  /** Largest Hamming distance of candidates by hash. */
  readonly distance?: number;
  /** Number of nearest neighbours in feature space that are compared with each image; 0 disables the search by features. */
  readonly neighbours?: number;
  /** Minimum cosine of these neighbours. */
  readonly floor?: number;
  /** Also compares crops of each thumbnail, which finds cropped images at six times the cost. Default: true. */
  readonly crops?: boolean;
  /** Features of all images, dataset after dataset, for a further search for neighbours. Rows of zeros match nothing. */
  readonly features?: FeatureRows;
  /** Minimum cosine of `features` for a match without agreement of the thumbnails. Default: no such matches. */
  readonly featureCosine?: number;
  /** Minimum score of a near-duplicate (compare/similarity.ts). */
  readonly threshold?: number;
  readonly threads?: number;
  /** Called with the current stage and its completed fraction, 0 to 1. */
  readonly onProgress?: (stage: string, share: number) => void;
  readonly signal?: AbortSignal;
}

/** Defaults of `FindOptions`. */
export const findDefaults = { distance: 8, neighbours: 6, floor: 0.7 } as const;

export interface Duplicates {
  readonly pool: Pool;
  /** Sorted by image indices. */
  readonly matches: readonly Match[];
  /** Connected components of the matches, each in ascending order. */
  readonly groups: readonly (readonly number[])[];
  /** Number of pairs compared. */
  readonly compared: number;
}

/**
 * Finds the near-duplicates within and between described datasets.
 *
 * Candidates are all pairs of images whose hashes differ in at most `distance` bits under any flip or quarter turn, and the nearest
 * neighbours in feature space. If many images have the same hash, each is compared only with the first of them and with the next.
 * The groups stay the same; only the list of pairs is shorter.
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

/** Milliseconds of work between two returns to the event loop, which lets Ctrl-C be handled. */
const slice = 50;

/** Images with the same bytes, each paired with the first one that has them. */
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

/** Maximum Hamming distance of a rotation that is tried, besides the identity, for neighbours in feature space. */
const turnDistance = 16;

/** Adds the nearest neighbours by thumbnails and by `features`; returns the pairs whose cosine of `features` alone makes a match. */
async function addNeighbours(pool: Pool, options: FindOptions, list: CandidateList): Promise<Match[]> {
  const { neighbours: k = findDefaults.neighbours, floor = findDefaults.floor, signal, onProgress, features } = options;
  if (features && features.rows !== pool.count)
    throw new Error(`features have ${features.rows} rows for ${pool.count} images; expected one row for each image`);
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
  // An image is near its own crops, so one more neighbour is requested. Each crop gets half as many as the whole image.
  for (const [step, view] of parts.entries())
    await search(thumbnailFeatures(pool.sets, view), whole, Math.ceil(k / 2) + 1, 1 + step);
  if (!features) return [];
  const { indices, cosines } = await search(features, undefined, k, steps - 1);
  return nearFeatures(indices, cosines, k, options.featureCosine ?? Number.POSITIVE_INFINITY);
}

/** Neighbours whose cosine reaches `least`; each pair is returned once. */
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

/** Adds each image with its nearest neighbours, unrotated and in the rotation that minimises the distance of their hashes. */
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

/** Groups the candidates of each pair, one for each rotation. */
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
/** Size of the cache of prepared thumbnails; pairs are sorted by their first image. */
const keptThumbnails = 4096;

/** Compares images by their thumbnails, and by their pixels if the thumbnails are equal. */
class Verifier {
  private readonly ready = new Map<number, Thumbnail>();

  constructor(private readonly pool: Pool) {}

  /** Returns the best match among a pair's candidates, if it reaches the threshold. */
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

  /** Whether two images have the same pixels. Only images of equal size and almost equal thumbnails are decoded. */
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
