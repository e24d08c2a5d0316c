/**
 * Manages the folder of a run: its contents, whether a run may start or continue in it, and the removal of an earlier
 * run.
 */

import { existsSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ImageSource } from "../../data/index.js";
import { syncFolder } from "../../files/atomic.js";
import {
  type LoadedCheckpoint,
  latestCheckpoint,
  listCheckpoints,
  resolvedRecipeFile,
  type Score,
} from "../../networks/index.js";
import { TrainError } from "../plan/train-error.js";
import { readRecipe, saveRecipe } from "../recipe/load-recipe.js";
import { type Recipe, recipeDifferences } from "../recipe/recipe.js";

/** The folder of a recipe's run. */
export const runFolder = (recipe: Recipe): string => recipe.output ?? join("runs", recipe.name ?? "run");
export const checkpointFolder = (folder: string): string => join(folder, "checkpoints");

/** Whether a folder contains a run, with or without checkpoints. */
export const hasRun = (folder: string): boolean => existsSync(join(folder, resolvedRecipeFile));

/**
 * The differences between a recipe and that of a run. Threads and microbatches that the recipe does not set are the
 * run's.
 */
export const differencesFromRun = (saved: Recipe, recipe: Recipe): readonly string[] =>
  recipeDifferences(saved, {
    ...recipe,
    threads: recipe.threads ?? saved.threads,
    microbatches: recipe.microbatches ?? saved.microbatches,
  });

/**
 * The checkpoint to continue from in a folder with a run: the newest intact one; undefined if none was saved yet.
 *
 * @throws TrainError when the run was started with other settings, or all of its checkpoints are damaged.
 */
export async function resumeFrom(recipe: Recipe, folder: string): Promise<LoadedCheckpoint | undefined> {
  const saved = await readRecipe(join(folder, resolvedRecipeFile));
  const changed = differencesFromRun(saved, recipe);
  if (changed.length > 0) {
    throw new TrainError(
      `the run in ${folder} was started with other settings; resume with the same settings, or start a new run with another --output:\n${changed.map((line) => `  ${line}`).join("\n")}`,
    );
  }
  return await newestCheckpoint(folder);
}

/**
 * The newest intact checkpoint of a run; undefined if none was saved yet. Damaged ones are reported to `warn`.
 *
 * @throws TrainError when all are damaged: starting from the beginning would silently lose the run.
 */
export async function newestCheckpoint(
  folder: string,
  warn?: (text: string) => void,
): Promise<LoadedCheckpoint | undefined> {
  const found = await latestCheckpoint(checkpointFolder(folder), warn);
  if (found) return found;
  const { checkpoints, damaged } = await listCheckpoints(checkpointFolder(folder));
  const count = checkpoints.length + damaged.length;
  if (count === 0) return undefined;
  throw new TrainError(
    `${count === 1 ? "the only checkpoint" : `all ${count} checkpoints`} of ${folder} cannot be read; restore a copy of one, or start a new run with --overwrite`,
  );
}

/**
 * Throws TrainError when the classes of a checkpoint differ from those of the images: an output of the network would
 * stand for another class than it was trained for.
 */
export function requireSameClassNames(
  { meta, path }: Pick<LoadedCheckpoint, "meta" | "path">,
  source: ImageSource,
): void {
  const before = meta["classNames"];
  const now = source.classNames;
  if (!Array.isArray(before)) return;
  if (before.length === now.length && before.every((name, i) => name === now[i])) return;
  const gone = before.filter((name) => !now.includes(name as string));
  const added = now.filter((name) => !before.includes(name));
  const list = (names: readonly unknown[]): string =>
    `${names
      .slice(0, 5)
      .map((name) => JSON.stringify(name))
      .join(", ")}${names.length > 5 ? ` and ${names.length - 5} more` : ""}`;
  const changes = [
    ...(gone.length > 0 ? [`without ${list(gone)}`] : []),
    ...(added.length > 0 ? [`with ${list(added)}`] : []),
    ...(gone.length + added.length === 0 ? ["in another order"] : []),
  ];
  throw new TrainError(
    `the classes of ${source.name} have changed since ${path} was saved: they are now ${changes.join(" and ")}; restore the earlier names, or start a new run with another --output`,
  );
}

/**
 * The threads and microbatches of the run in a folder; undefined if there is none. Runs with several ranks record no
 * threads. Old runs from before microbatches were chosen automatically record no microbatches; they used the whole
 * batch.
 */
export async function savedComputing(folder: string): Promise<Pick<Recipe, "threads" | "microbatches"> | undefined> {
  const path = join(folder, resolvedRecipeFile);
  if (!existsSync(path)) return undefined;
  const { threads, microbatches = 1 } = await readRecipe(path);
  return { threads, microbatches };
}

/**
 * The recipe with the memory settings of the run in a folder, so that it can be resumed whatever memory is free now.
 */
export async function withSavedMemory(recipe: Recipe, folder: string): Promise<Recipe> {
  const path = join(folder, resolvedRecipeFile);
  if (!existsSync(path)) return recipe;
  const { microbatches, model } = await readRecipe(path);
  return {
    ...recipe,
    model: { ...recipe.model, rematerialise: model.rematerialise },
    microbatches: microbatches ?? recipe.microbatches,
  };
}

/** Throws TrainError when a folder holds checkpoints, with or without the recipe of their run. */
export async function requireNoRun(folder: string): Promise<void> {
  const { checkpoints, damaged } = await listCheckpoints(checkpointFolder(folder));
  if (checkpoints.length + damaged.length === 0) return;
  if (!hasRun(folder)) {
    throw new TrainError(
      `${folder} holds checkpoints without the ${resolvedRecipeFile} of their run; restore it to continue with --resume, replace them with --overwrite, or choose another --output`,
    );
  }
  throw new TrainError(
    `${folder} already holds a run; continue it with --resume, replace it with --overwrite, or choose another --output`,
  );
}

/** Creates the folder of a new run, and removes the files of an earlier run. */
export async function prepareFolder(recipe: Recipe, folder: string): Promise<void> {
  const left = existsSync(join(folder, resolvedRecipeFile)) ? await readdir(folder) : [];
  for (const name of left) if (name.startsWith("events.out.tfevents.")) await rm(join(folder, name));
  // Files of other programs stay, also beside checkpoints.
  const { checkpoints, damaged } = await listCheckpoints(checkpointFolder(folder));
  for (const { path } of [...checkpoints, ...damaged]) await rm(path);
  if (checkpoints.length + damaged.length > 0) await syncFolder(checkpointFolder(folder));
  await saveRecipe(folder, recipe);
}

/** The best score among the checkpoints of a run. */
export async function bestSoFar(folder: string): Promise<Score | undefined> {
  const { checkpoints } = await listCheckpoints(checkpointFolder(folder));
  const scores = checkpoints.flatMap(({ score }) => score ?? []);
  return scores.sort((a, b) => (a.mode === "max" ? b.value - a.value : a.value - b.value))[0];
}
