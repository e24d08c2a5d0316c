// The main job in a few minutes: pre-train a small Vision Transformer, then play the few-shot game on classes it has
// never seen, and write a report.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  checkpointFolder,
  dryRun,
  formatDuration,
  latestCheckpoint,
  loadRecipe,
  type MetricsRecord,
  type Override,
  openModel,
  type Recipe,
  readMetrics,
  recipeDifferences,
  resolvedRecipeFile,
  type TrainResult,
  train,
} from "../../train/index.js";
import { writeFileAtomically } from "../../weights/index.js";
import { type PlayedSet, playSet } from "./play.js";
import { quickstartReport } from "./report.js";
import { gameSets } from "./sets.js";

export interface QuickstartOptions {
  /** Folder of the run and the report. */
  readonly output: string;
  readonly seed?: number;
  /** Train no longer than this; the schedule is shortened to fit. */
  readonly minutes?: number;
  readonly overrides?: readonly Override[];
  readonly silent?: boolean;
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
  readonly trained: TrainResult;
  readonly report: string;
  readonly seconds: number;
  readonly interrupted: boolean;
}

const recipePath = fileURLToPath(new URL("../../../recipes/quickstart.ts", import.meta.url));

/** Trains, plays and writes the report. A run of the same settings in the folder is gone on with, or played again. */
export async function quickstart(options: QuickstartOptions): Promise<QuickstartResult> {
  const started = performance.now();
  const seed = options.seed ?? 0;
  const settings = [
    { path: "output", value: options.output },
    { path: "seed", value: String(seed) },
    ...(options.overrides ?? []),
  ];
  const note = options.note ?? (() => {});
  let recipe = await loadRecipe(recipePath, settings);
  const expected = await dryRun(recipe);
  const allowed = options.minutes === undefined ? Number.POSITIVE_INFINITY : options.minutes * 60;
  let totalSteps = expected.totalSteps;
  if (expected.expectedSeconds > allowed) {
    totalSteps = Math.max(1, Math.floor((expected.totalSteps * allowed) / expected.expectedSeconds));
    note(
      `this machine would take about ${formatDuration(expected.expectedSeconds)}: training ${totalSteps} of ${expected.totalSteps} steps`,
    );
    recipe = await loadRecipe(recipePath, [...settings, { path: "total.steps", value: String(totalSteps) }]);
  }
  note(
    `a Vision Transformer of ${expected.parameters.toLocaleString("en-US")} parameters learns ${expected.classes} classes from ${expected.trainingImages.toLocaleString("en-US")} pictures`,
  );
  const already = await stepsDone(recipe, options.output);
  if (already !== undefined) {
    note(`${options.output} holds step ${already} of ${totalSteps} of this run; delete the folder to start anew`);
  }
  const trained = await train(recipe, {
    ...(already === undefined ? { overwrite: true } : { resume: true }),
    ...(options.silent !== undefined && { silent: options.silent }),
    ...(options.signal && { signal: options.signal }),
  });
  const report = join(options.output, "report.html");
  if (trained.interrupted) {
    return { sets: [], trained, report: "", seconds: (performance.now() - started) / 1000, interrupted: true };
  }
  const model = await openModel(options.output, { batchSize: 50, functions: ["represent"] });
  const played: PlayedSet[] = [];
  try {
    for (const set of gameSets) {
      note(`playing: ${set.about}`);
      played.push(await playSet(model, set, seed));
    }
    const metrics: MetricsRecord[] = await readMetrics(join(options.output, "metrics.jsonl"));
    const seconds = (performance.now() - started) / 1000;
    const page = await quickstartReport({
      played,
      metrics,
      trained,
      upstreamClasses: expected.classes,
      upstreamImages: expected.trainingImages,
      seconds,
    });
    await writeFileAtomically(report, [new TextEncoder().encode(page)]);
    return { sets: played.map(summaryOf), trained, report, seconds, interrupted: false };
  } finally {
    for (const one of played) await one.close();
    await model.close();
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

/** How far a run of these very settings in the folder has come; undefined where there is none. */
async function stepsDone(recipe: Recipe, folder: string): Promise<number | undefined> {
  const path = join(folder, resolvedRecipeFile);
  if (!existsSync(path)) return undefined;
  const before = await loadRecipe(path).catch(() => undefined);
  if (!before || recipeDifferences(before, recipe).length > 0) return undefined;
  return (await latestCheckpoint(checkpointFolder(folder), () => {}))?.step;
}
