// The folder of a run: what it holds, whether a run may start or go on in it, and what another run left there.
import { existsSync } from "node:fs";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { type LoadedCheckpoint, latestCheckpoint, listCheckpoints, type Score } from "./checkpoint.js";
import { loadRecipe, resolvedRecipeFile, saveRecipe } from "./load-recipe.js";
import { type Recipe, recipeDifferences, resolveRecipe } from "./recipe.js";
import { TrainError } from "./train-error.js";

/** The folder of a recipe's run. */
export const runFolder = (recipe: Recipe): string => recipe.output ?? join("runs", recipe.name ?? "run");
export const checkpointFolder = (folder: string): string => join(folder, "checkpoints");

/** Makes sure the folder may be written, and finds what to continue from. Writes nothing. Throws TrainError. */
export async function inspectFolder(
  recipe: Recipe,
  folder: string,
  options: { readonly resume?: boolean; readonly overwrite?: boolean },
): Promise<LoadedCheckpoint | undefined> {
  const recipePath = join(folder, resolvedRecipeFile);
  if (options.resume) {
    const before = await readFile(recipePath, "utf8").catch(() => undefined);
    if (before === undefined)
      throw new TrainError(`there is no run to resume in ${folder}; start one without --resume`);
    const saved = resolveRecipe(JSON.parse(before), recipePath);
    const changed = recipeDifferences(saved, { ...recipe, threads: recipe.threads ?? saved.threads });
    if (changed.length > 0) {
      throw new TrainError(
        `the run in ${folder} was started with other settings; resume with the same ones, or start anew with another --output:\n${changed.map((line) => `  ${line}`).join("\n")}`,
      );
    }
    return await latestCheckpoint(checkpointFolder(folder));
  }
  if (!options.overwrite) await requireNoRun(folder);
  return undefined;
}

/** The number of threads that the run in a folder computes with; undefined where there is none, and for a run of several ranks. */
export async function savedThreads(folder: string): Promise<number | undefined> {
  const path = join(folder, resolvedRecipeFile);
  return existsSync(path) ? (await loadRecipe(path)).threads : undefined;
}

/** Throws TrainError where a folder holds a run that has saved something. */
export async function requireNoRun(folder: string): Promise<void> {
  const { checkpoints, damaged } = await listCheckpoints(checkpointFolder(folder));
  if (checkpoints.length + damaged.length === 0) return;
  throw new TrainError(
    `${folder} already holds a run; continue it with --resume, replace it with --overwrite, or choose another --output`,
  );
}

/** Makes the folder of a new run; what another left in it goes. */
export async function prepareFolder(recipe: Recipe, folder: string): Promise<void> {
  const left = existsSync(join(folder, resolvedRecipeFile)) ? await readdir(folder) : [];
  for (const name of left) if (name.startsWith("events.out.tfevents.")) await rm(join(folder, name));
  await rm(checkpointFolder(folder), { recursive: true, force: true });
  await saveRecipe(folder, recipe);
}

/** The best score among the checkpoints of a run. */
export async function bestSoFar(folder: string): Promise<Score | undefined> {
  const { checkpoints } = await listCheckpoints(checkpointFolder(folder));
  const scores = checkpoints.flatMap(({ score }) => score ?? []);
  return scores.sort((a, b) => (a.mode === "max" ? b.value - a.value : a.value - b.value))[0];
}
