/** Measures which near-duplicates the search finds: edited copies, human-labelled pairs and edits of increasing strength. */
import { writeFile } from "node:fs/promises";
import { benchEdited, type EditedBench } from "./edited.js";
import { benchJudged, type JudgedBench, precisionRecallChart } from "./judged.js";
import { benchLadder, type LadderBench } from "./ladder.js";

/** Options of `dedupAccuracy`. Parts without a folder are not measured. */
export interface DedupAccuracyOptions {
  /** Measure edited copies of the images of the datasets. */
  readonly edited: boolean;
  /** Number of images among which the copies are searched, and number of copies for each edit and strength. */
  readonly originals: number;
  readonly copies: number;
  readonly seed: number;
  /** Minimum score of a near-duplicate; default: that of `fovea dedup`. */
  readonly threshold?: number | undefined;
  /** Folder with pairs.json and subset.tar, the human-labelled pairs of CIFAR-10 from ciFAIR. */
  readonly judged?: string | undefined;
  /** File that the precision-recall curve on the human-labelled pairs is written to, as SVG. */
  readonly chart?: string | undefined;
  /** Folders, each with images and edited copies of them of increasing strength. */
  readonly ladders?: readonly string[] | undefined;
  readonly onProgress?: (what: string) => void;
}

/** Results of `dedupAccuracy`; undefined for parts that were not measured. */
export interface DedupAccuracy {
  readonly judged?: JudgedBench | undefined;
  readonly ladders?: readonly LadderBench[] | undefined;
  /** One for each dataset. */
  readonly edited?: readonly EditedBench[] | undefined;
}

/**
 * Measures the search on edited copies of the images of `datasets`, on human-labelled pairs, and on ladders of edits
 * among `datasets`.
 */
export async function dedupAccuracy(
  datasets: readonly string[],
  options: DedupAccuracyOptions,
): Promise<DedupAccuracy> {
  const { originals, copies, seed, threshold, chart, onProgress = () => {} } = options;
  let judged: JudgedBench | undefined;
  if (options.judged !== undefined) {
    onProgress("judged pairs");
    judged = await benchJudged(options.judged);
    if (chart !== undefined) await writeFile(chart, precisionRecallChart(judged));
  }
  let ladders: LadderBench[] | undefined;
  for (const folder of options.ladders ?? []) {
    onProgress(folder);
    ladders = [...(ladders ?? []), await benchLadder(folder, datasets.join(","))];
  }
  let edited: EditedBench[] | undefined;
  for (const spec of options.edited ? datasets : []) {
    edited = [...(edited ?? []), await benchEdited(spec, originals, copies, seed, threshold, onProgress)];
  }
  return { judged, ladders, edited };
}
