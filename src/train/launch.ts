/** Trains by a recipe in the way this process was started: alone, or as one of several MPI ranks. */
import { formatBytes } from "../text/format.js";
import type { Hooks } from "../text/progress.js";
import { agree, openCommunicator, shareJson } from "./distributed/index.js";
import type { TrainResult } from "./loop.js";
import { dataOf, describeSettings, fitMemory } from "./plan/memory.js";
import { openTrainingData } from "./plan/open-part.js";
import type { Recipe } from "./recipe/recipe.js";
import { hasRun, runFolder, withSavedMemory } from "./run/folder.js";
import { train } from "./train.js";

/** A failure on a rank other than the first; rank 0 reports it for all. */
export class OtherRankError extends Error {
  override name = "OtherRankError";
}

export interface LaunchOptions extends Hooks {
  /** Continue the run in the recipe's output folder; start one if there is none. */
  readonly resume?: boolean | undefined;
  /** Replace an existing run. */
  readonly overwrite?: boolean | undefined;
  /**
   * The most bytes of memory that a rank may use; microbatches and rematerialisation are chosen to fit it. Default: as
   * in the recipe.
   */
  readonly memory?: number | undefined;
}

/**
 * The recipe with settings with which one of `ranks` ranks fits into `memory`; a resumed run keeps its own settings.
 */
async function fitted(recipe: Recipe, ranks: number, { memory = 0, resume, note }: LaunchOptions): Promise<Recipe> {
  const folder = runFolder(recipe);
  if (resume && hasRun(folder)) return await withSavedMemory(recipe, folder);
  const { batchSize } = recipe;
  if (batchSize % ranks !== 0) return recipe; // rejected with the rest of the plan
  const { source } = await openTrainingData(recipe);
  try {
    const fit = await fitMemory({ ...recipe, batchSize: batchSize / ranks }, memory, dataOf(source));
    note?.(`${describeSettings(fit.choice)}: about ${formatBytes(fit.choice.memoryBytes)} of memory`);
    return { ...fit.recipe, batchSize };
  } finally {
    await source.close();
  }
}

/**
 * Trains by the recipe that `load` returns, on every rank of an MPI job (see `train`).
 *
 * Throws what `train` throws; on ranks other than the first, OtherRankError.
 */
export async function launchTraining(load: () => Promise<Recipe>, options: LaunchOptions = {}): Promise<TrainResult> {
  const { resume = false, overwrite = false, memory, signal, progress } = options;
  const communicator = await openCommunicator();
  const { size, rank } = communicator;
  const first = rank === 0;
  try {
    const loaded = await agree(communicator, load);
    const recipe =
      memory === undefined
        ? loaded
        : await shareJson(
            communicator,
            await agree(communicator, async () => (first ? await fitted(loaded, size, options) : loaded)),
          );
    return await train(recipe, { resume, overwrite, signal, communicator, progress });
  } catch (error) {
    if (first) throw error;
    throw new OtherRankError(`rank ${rank} failed`, { cause: error });
  } finally {
    await communicator.close();
  }
}
