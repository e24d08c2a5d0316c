/**
 * Measures the search on human-labelled near-duplicates (ciFAIR's lists for CIFAR-10): how often the correct image
 * ranks first, and precision and recall.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { openSource } from "../../data/index.js";
import {
  align,
  type ComparedPicture,
  coarseAlignment,
  type DescribedSet,
  describeSet,
  leastCoarse,
  nearDuplicateScore,
  nearestRows,
  prepareThumbnail,
  scoreOf,
  similarity,
  thumbnailFeatures,
  views,
} from "../../dedup/index.js";
import { lineChart } from "../../report/index.js";
import { largest } from "../../text/arrays.js";

/** The label of a pair: 1: the same photo, processed differently; 2: very similar. */
type Judgement = 1 | 2;

export interface CurvePoint {
  readonly threshold: number;
  readonly precision: number;
  readonly recall: number;
}

export interface JudgedBench {
  readonly queries: number;
  readonly candidates: number;
  /**
   * How often the labelled image ranks first among all candidates, by `similarity` (src/dedup/compare/similarity.ts).
   */
  readonly rankOne: {
    readonly nearDuplicates: { readonly found: number; readonly all: number };
    readonly verySimilar: { readonly found: number; readonly all: number };
    /** The same by the cosine of 8 x 8 luminances alone. */
    readonly baseline: { readonly nearDuplicates: number; readonly verySimilar: number };
  };
  /** At the threshold of `fovea dedup`. */
  readonly atThreshold: CurvePoint & { readonly falsePairs: number };
  /** Precision-recall curve of near-duplicates among all pairs found; very similar images count as neither. */
  readonly curve: readonly CurvePoint[];
  readonly seconds: number;
}

/** Candidates of each view that are aligned with each query. */
const compared = 48;

interface Scored {
  readonly query: number;
  readonly candidate: number;
  readonly score: number;
  readonly similarity: number;
}

/**
 * Runs the search on a folder with `pairs.json` ([test file, train file, distance, judgement] each) and `subset.tar`
 * (or a folder `subset`) of the images.
 * @throws when one of them is missing.
 */
export async function benchJudged(folder: string): Promise<JudgedBench> {
  const started = performance.now();
  const listed = JSON.parse(await readFile(join(folder, "pairs.json"), "utf8")) as [
    string,
    string,
    number,
    Judgement,
  ][];
  const images = [join(folder, "subset.tar"), join(folder, "subset")].find((path) => existsSync(path));
  if (!images) throw new Error(`"${folder}" has no subset.tar; expected the images that pairs.json lists`);
  const opened = await Promise.all(["test", "train"].map((split) => openSource(images, { split })));
  const [queries, candidates] = (await Promise.all(
    opened.map((source) => describeSet(source, { remember: false })),
  )) as [DescribedSet, DescribedSet];
  try {
    const truth = matchTruth(listed, queries, candidates);
    const scored = await scoreAll(queries, candidates);
    const { curve, atThreshold } = curveOf(scored, truth);
    return {
      queries: queries.ids.length,
      candidates: candidates.ids.length,
      rankOne: { ...rankOne(scored, truth), baseline: await baseline(queries, candidates, truth) },
      atThreshold,
      curve,
      seconds: (performance.now() - started) / 1000,
    };
  } finally {
    for (const set of [queries, candidates]) {
      await set.close();
      await set.source.close();
    }
  }
}

/** For every query, the labelled candidate and its label. */
type Truth = ReadonlyMap<number, { readonly candidate: number; readonly judgement: Judgement }>;

function matchTruth(
  listed: readonly [string, string, number, Judgement][],
  queries: DescribedSet,
  candidates: DescribedSet,
): Truth {
  // Ids begin with the location of the images: a folder, or a tar and a colon.
  const numbers = (set: DescribedSet) =>
    new Map(
      set.ids.map((id, i) => [
        id
          .split(/[\\/:]/)
          .slice(-3)
          .join("/"),
        i,
      ]),
    );
  const [left, right] = [numbers(queries), numbers(candidates)];
  const truth = new Map(
    listed.map(([a, b, , judgement]) => {
      const [query, candidate] = [left.get(a), right.get(b)];
      if (query === undefined || candidate === undefined)
        throw new Error(`pairs.json lists ${query === undefined ? a : b}, which is not among the images`);
      return [query, { candidate, judgement }] as const;
    }),
  );
  return truth;
}

async function scoreAll(queries: DescribedSet, candidates: DescribedSet): Promise<Scored[]> {
  const near = queries.ids.map(() => new Set<number>());
  for (const view of views) {
    const [left, right] = [thumbnailFeatures([queries], view), thumbnailFeatures([candidates])];
    const { indices } = await nearestRows(left, right, compared, 0.01);
    for (const [at, candidate] of indices.entries())
      if (candidate >= 0) near[Math.floor(at / compared)]!.add(candidate);
  }
  const picture = async (set: DescribedSet, i: number): Promise<ComparedPicture> => {
    const descriptor = await set.descriptor(i);
    return { descriptor, thumbnail: prepareThumbnail(descriptor.luminance) };
  };
  const ready = await Promise.all(candidates.ids.map((_, i) => picture(candidates, i)));
  const scored: Scored[] = [];
  for (let query = 0; query < queries.ids.length; query++) {
    const own = await picture(queries, query);
    const starts = [...near[query]!].map((candidate) => ({
      candidate,
      start: coarseAlignment(own.thumbnail, ready[candidate]!.thumbnail),
    }));
    for (const { candidate, start } of starts) {
      if (start.correlation < leastCoarse) continue;
      const other = ready[candidate]!;
      const alignment = align(own.thumbnail, other.thumbnail, start);
      scored.push({ query, candidate, score: scoreOf(alignment), similarity: similarity(own, other, alignment) });
    }
  }
  return scored;
}

function rankOne(scored: readonly Scored[], truth: Truth) {
  const best = new Map<number, Scored>();
  for (const one of scored)
    if (one.similarity > (best.get(one.query)?.similarity ?? Number.NEGATIVE_INFINITY)) best.set(one.query, one);
  const found = (wanted: Judgement) => {
    const all = [...truth].filter(([, { judgement }]) => judgement === wanted);
    return {
      found: all.filter(([query, { candidate }]) => best.get(query)?.candidate === candidate).length,
      all: all.length,
    };
  };
  return { nearDuplicates: found(1), verySimilar: found(2) };
}

/** How often the candidate with the largest cosine of 8 x 8 luminances is the labelled one. */
async function baseline(queries: DescribedSet, candidates: DescribedSet, truth: Truth) {
  const rows = async (set: DescribedSet) =>
    Promise.all(set.ids.map(async (_, i) => eightByEight((await set.descriptor(i)).luminance)));
  const [left, right] = [await rows(queries), await rows(candidates)];
  let [nearDuplicates, verySimilar] = [0, 0];
  for (const [query, { candidate, judgement }] of truth) {
    const cosines = right.map((row) => row.reduce((sum, value, i) => sum + value * left[query]![i]!, 0));
    if (cosines.indexOf(largest(cosines)) !== candidate) continue;
    if (judgement === 1) nearDuplicates++;
    else verySimilar++;
  }
  return { nearDuplicates, verySimilar };
}

/** A 32 x 32 luminance averaged to 8 x 8, with its mean subtracted, normalised to length 1. */
function eightByEight(luminance: Uint8Array): Float64Array {
  const small = new Float64Array(64);
  for (let i = 0; i < luminance.length; i++) small[(i >> 7) * 8 + ((i & 31) >> 2)]! += luminance[i]!;
  const mean = small.reduce((sum, value) => sum + value, 0) / 64;
  const centred = small.map((value) => value - mean);
  const length = Math.sqrt(centred.reduce((sum, value) => sum + value * value, 0));
  return centred.map((value) => value / length);
}

function curveOf(scored: readonly Scored[], truth: Truth) {
  const judged = ({ query, candidate }: Scored): Judgement | 0 => {
    const known = truth.get(query);
    return known?.candidate === candidate ? known.judgement : 0;
  };
  const relevant = scored.filter((one) => judged(one) !== 2).sort((a, b) => b.score - a.score);
  const all = [...truth.values()].filter(({ judgement }) => judgement === 1).length;
  const curve: CurvePoint[] = [];
  let right = 0;
  let atThreshold: CurvePoint & { falsePairs: number } = {
    threshold: nearDuplicateScore,
    precision: 1,
    recall: 0,
    falsePairs: 0,
  };
  for (const [i, one] of relevant.entries()) {
    if (judged(one) === 1) right++;
    const point = { threshold: one.score, precision: right / (i + 1), recall: right / all };
    if (one.score >= nearDuplicateScore)
      atThreshold = { ...point, threshold: nearDuplicateScore, falsePairs: i + 1 - right };
    // One point per increase of recall defines the whole curve.
    if (judged(one) === 1) curve.push(point);
  }
  return { curve, atThreshold };
}

/** The curve as an SVG document. */
export function precisionRecallChart({ curve, atThreshold, candidates }: JudgedBench, width = 720): string {
  return lineChart({
    title: "Human-labelled near-duplicates (CIFAR-10)",
    description: `Precision over recall among ${candidates} candidates; at the threshold ${atThreshold.threshold}, a precision of ${atThreshold.precision.toFixed(3)} and a recall of ${atThreshold.recall.toFixed(3)}`,
    width,
    series: [
      {
        name: "precision",
        points: curve.map(({ recall, precision }) => ({ x: recall, y: precision })),
        markers: false,
      },
      { name: `threshold ${atThreshold.threshold}`, points: [{ x: atThreshold.recall, y: atThreshold.precision }] },
    ],
    x: { label: "recall", include: [0, 1] },
    y: { label: "precision", include: [0, 1] },
  });
}
