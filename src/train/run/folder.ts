/** The folder of a run: what it holds, whether a run may start or continue in it, and what another run left there. */

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

/** Is there a run in a folder, one with or without checkpoints? */
export const hasRun = (folder: string): boolean => existsSync(join(folder, resolvedRecipeFile));

/** What of a recipe is other than in that of a run; threads and microbatches that it leaves open are the run's. */
export const differencesFromRun = (saved: Recipe, recipe: Recipe): readonly string[] =>
  recipeDifferences(saved, {
    ...recipe,
    threads: recipe.threads ?? saved.threads,
    microbatches: recipe.microbatches ?? saved.microbatches,
  });

/**
 * What to continue from in a folder with a run: its newest checkpoint that is whole; undefined where it has saved none yet.
 *
 * @throws TrainError where the run was started with other settings, or all of its checkpoints are damaged.
 */
export async function resumeFrom(recipe: Recipe, folder: string): Promise<LoadedCheckpoint | undefined> {
  const saved = await readRecipe(join(folder, resolvedRecipeFile));
  const changed = differencesFromRun(saved, recipe);
  if (changed.length > 0) {
    throw new TrainError(
      `the run in ${folder} was started with other settings; resume with the same ones, or start anew with another --output:\n${changed.map((line) => `  ${line}`).join("\n")}`,
    );
  }
  return await newestCheckpoint(folder);
}

/**
 * The newest checkpoint of a run that is whole; undefined where it has saved none yet. Damaged ones are reported to `warn`.
 *
 * @throws TrainError where all are damaged: to continue from the start would lose the run silently.
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
    `${count === 1 ? "the only checkpoint" : `all ${count} checkpoints`} of ${folder} cannot be read; put back a copy of one, or start anew with --overwrite`,
  );
}

/**
 * Throws TrainError where the classes of a checkpoint are not those of the images: an output of the network would stand for
 * another class than it was trained for.
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
    `the classes of ${source.name} have changed since ${path} was saved: they are now ${changes.join(" and ")}; give them their earlier names, or start anew with another --output`,
  );
}

/**
 * How the run in a folder computes; undefined where there is none. Runs of several ranks record no threads, and runs from before
 * microbatches were chosen none either: those took the whole batch.
 */
export async function savedComputing(folder: string): Promise<Pick<Recipe, "threads" | "microbatches"> | undefined> {
  const path = join(folder, resolvedRecipeFile);
  if (!existsSync(path)) return undefined;
  const { threads, microbatches = 1 } = await readRecipe(path);
  return { threads, microbatches };
}

/** The recipe with the memory settings of the run that is in a folder, so that it can be resumed whatever is free now. */
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

/** Throws TrainError where a folder holds checkpoints, with or without the recipe of their run. */
export async function requireNoRun(folder: string): Promise<void> {
  const { checkpoints, damaged } = await listCheckpoints(checkpointFolder(folder));
  if (checkpoints.length + damaged.length === 0) return;
  if (!hasRun(folder)) {
    throw new TrainError(
      `${folder} holds checkpoints without the ${resolvedRecipeFile} of their run; put it back to continue with --resume, replace them with --overwrite, or choose another --output`,
    );
  }
  throw new TrainError(
    `${folder} already holds a run; continue it with --resume, replace it with --overwrite, or choose another --output`,
  );
}

/** Makes the folder of a new run; what another left in it goes. */
export async function prepareFolder(recipe: Recipe, folder: string): Promise<void> {
  const left = existsSync(join(folder, resolvedRecipeFile)) ? await readdir(folder) : [];
  for (const name of left) if (name.startsWith("events.out.tfevents.")) await rm(join(folder, name));
  // Files that are not ours stay, also beside checkpoints.
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
