/**
 * Runs few-shot classification with the bundled backbone, from five images of each class, and writes a report. On request
 * it first trains a small network and uses that instead.
 */

import { join } from "node:path";
import { writeFileAtomically } from "../../files/atomic.js";
import { makeFolder } from "../../files/folder.js";
import { open } from "../../networks/index.js";
import type { StartProgress } from "../../text/progress.js";
import type { Override, TrainResult } from "../../train/index.js";
import { defaultBackbone } from "../../weights/index.js";
import { type PlayedSet, playSet } from "./play.js";
import { quickstartReport } from "./report.js";
import { episodeSets } from "./sets.js";
import { trainQuickstart } from "./train.js";

export interface QuickstartOptions {
  /** Folder of the report and, with training, of the run. */
  readonly output: string;
  readonly seed?: number;
  /** Train a network from random weights first, for at most this many minutes; the schedule is shortened to fit. */
  readonly train?: { readonly minutes?: number; readonly overrides?: readonly Override[] };
  readonly silent?: boolean;
  /** Starts the display of the training steps. Default: `startProgress`, on stderr. */
  readonly progress?: StartProgress | undefined;
  readonly signal?: AbortSignal;
  readonly note?: (text: string) => void;
}

export interface QuickstartSet {
  readonly set: string;
  readonly about: string;
  readonly accuracy: number;
  readonly interval: readonly [number, number] | null;
  readonly chance: number;
  readonly rawPixels: number;
}

export interface QuickstartResult {
  readonly sets: readonly QuickstartSet[];
  /** The backbone that computed the features. */
  readonly backbone: string;
  readonly trained: TrainResult | undefined;
  readonly report: string;
  readonly seconds: number;
  readonly interrupted: boolean;
}

/** The default backbone at a smaller image size: half the time, and as accurate on these datasets. */
export const quickBackbone = `${defaultBackbone}?size=80`;

/** Batch size. */
const batchSize = 50;

/** Runs few-shot episodes on three datasets and writes the report; trains first where that is requested (see `trainQuickstart`). */
export async function quickstart(options: QuickstartOptions): Promise<QuickstartResult> {
  const started = performance.now();
  const elapsed = () => (performance.now() - started) / 1000;
  const { output, seed = 0, note = () => {} } = options;
  const training =
    options.train &&
    (await trainQuickstart({
      ...options.train,
      output,
      seed,
      note,
      silent: options.silent,
      progress: options.progress,
      signal: options.signal,
    }));
  const spec = training ? output : quickBackbone;
  const trained = training?.result;
  const stopped = () => ({ sets: [], backbone: spec, trained, report: "", seconds: elapsed(), interrupted: true });
  if (trained?.interrupted) return stopped();
  const report = join(output, "report.html");
  const backbone = await open(spec, { batchSize });
  const played: PlayedSet[] = [];
  try {
    for (const set of episodeSets) {
      if (options.signal?.aborted) return stopped();
      note(`playing: ${set.about}`);
      played.push(await playSet(backbone, set, seed));
    }
    const seconds = elapsed();
    const page = await quickstartReport({ played, backbone, training, seconds });
    makeFolder(output);
    await writeFileAtomically(report, [new TextEncoder().encode(page)]);
    return { sets: played.map(summaryOf), backbone: spec, trained, report, seconds, interrupted: false };
  } finally {
    for (const one of played) await one.close();
    await backbone.close();
  }
}

const summaryOf = ({ set, learned, rawPixels }: PlayedSet): QuickstartSet => ({
  set: set.name,
  about: set.about,
  accuracy: learned.accuracy,
  interval: learned.confidence95,
  chance: learned.chance,
  rawPixels: rawPixels.accuracy,
});
