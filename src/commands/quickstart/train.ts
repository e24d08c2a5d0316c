/** Trains the network of the quickstart: a small Vision Transformer from random weights on the embedded images. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { latestCheckpoint, resolvedRecipeFile } from "../../networks/index.js";
import { formatDuration, groupDigits } from "../../text/format.js";
import type { StartProgress } from "../../text/progress.js";
import {
  checkpointFolder,
  differencesFromRun,
  dryRun,
  loadRecipe,
  type MetricsRecord,
  type Override,
  type Recipe,
  readMetrics,
  type TrainResult,
  train,
} from "../../train/index.js";

export interface QuickstartTraining {
  /** Folder of the run. */
  readonly output: string;
  readonly seed: number;
  /** Train no longer than this; the schedule is shortened to fit. */
  readonly minutes?: number;
  readonly overrides?: readonly Override[];
  readonly silent?: boolean;
  readonly progress?: StartProgress | undefined;
  readonly signal?: AbortSignal;
  readonly note: (text: string) => void;
}

/** A run that is finished, or was interrupted. */
export interface TrainedQuickstart {
  readonly result: TrainResult;
  readonly metrics: readonly MetricsRecord[];
  readonly classes: number;
  readonly images: number;
}

const recipePath = fileURLToPath(new URL("../../../recipes/quickstart.ts", import.meta.url));

/** Trains the network. A run with the same settings in the folder is resumed, or used if it is complete. */
export async function trainQuickstart(options: QuickstartTraining): Promise<TrainedQuickstart> {
  const { output, note } = options;
  const settings = [
    { path: "output", value: output },
    { path: "seed", value: String(options.seed) },
    ...(options.overrides ?? []),
  ];
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
    `a Vision Transformer of ${groupDigits(expected.parameters)} parameters is trained on ${groupDigits(expected.trainingImages)} images of ${expected.classes} classes`,
  );
  const already = await stepsDone(recipe, output);
  if (already !== undefined) {
    note(`${output} holds step ${already} of ${totalSteps} of this run; delete the folder to start a new run`);
  }
  const result = await train(recipe, {
    overwrite: already === undefined,
    resume: already !== undefined,
    silent: options.silent,
    progress: options.progress,
    signal: options.signal,
  });
  const metrics = await readMetrics(join(output, "metrics.jsonl"));
  return { result, metrics, classes: expected.classes, images: expected.trainingImages };
}

/** Returns the last step of a run with the same settings in the folder; undefined if there is none. */
async function stepsDone(recipe: Recipe, folder: string): Promise<number | undefined> {
  const path = join(folder, resolvedRecipeFile);
  if (!existsSync(path)) return undefined;
  const before = await loadRecipe(path).catch(() => undefined);
  if (!before || differencesFromRun(before, recipe).length > 0) return undefined;
  return (await latestCheckpoint(checkpointFolder(folder), () => {}))?.step;
}
