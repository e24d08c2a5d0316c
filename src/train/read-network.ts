// Reads a trained network from where it is kept: what it is, how it wants its images, and its parameters.
import { existsSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { requirePath } from "../data/sources/paths.js";
import type { ModelConfig } from "../models/index.js";
import { isOptimizerState } from "../optim/index.js";
import type { StoredTensor } from "../weights/index.js";
import {
  bestCheckpoint,
  CheckpointError,
  type LoadedCheckpoint,
  latestCheckpoint,
  listCheckpoints,
  loadCheckpoint,
} from "./checkpoint.js";
import { evaluationPreprocessing } from "./evaluation-preprocessing.js";
import { resolvedRecipeFile } from "./load-recipe.js";
import type { LossName } from "./losses.js";
import { type Recipe, resolveRecipe } from "./recipe.js";
import { imageShape, modelConfig } from "./settings.js";

/** A trained network at rest. */
export interface TrainedNetwork {
  /** The file its parameters were read from. */
  readonly path: string;
  readonly config: ModelConfig;
  /** [height, width, channels] */
  readonly imageShape: readonly [number, number, number];
  /** What makes images of any source fit, in its string form. */
  readonly preprocessing: string;
  /** The classes it was trained on, in the order of its logits; undefined where nothing names them. */
  readonly classNames: readonly string[] | undefined;
  /** What it was trained with: it decides how logits become probabilities. */
  readonly loss: LossName;
  /** By name; other tensors may be beside the parameters. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Updates it had seen, where that is known. */
  readonly step: number | undefined;
}

export interface ReadNetworkOptions {
  /** Told which checkpoint of a folder is used, and about damaged ones that were passed over. */
  readonly note?: (text: string) => void;
}

/**
 * Reads the network of a run: `path` is the run's folder, of which the best-scored checkpoint is taken (the newest where
 * none is scored), or one of its checkpoint files.
 *
 * Throws CheckpointError when there is no checkpoint or it is damaged; RecipeError when the recipe is not valid; an Error
 * naming the nearest path when there is nothing at `path`.
 */
export async function readNetwork(path: string, options: ReadNetworkOptions = {}): Promise<TrainedNetwork> {
  const { folder, file } = findRun(path);
  const recipe = await readRecipe(folder);
  const checkpoint = file === undefined ? await chooseCheckpoint(folder, options.note) : await loadCheckpoint(file);
  const classNames = readClassNames(checkpoint);
  // The number of classes is the data's and stands in no recipe; a checkpoint without a head does not fit its model.
  const classes = checkpoint.tensors.get("head/kernel")?.shape.at(-1) ?? classNames?.length ?? 1;
  return {
    path: checkpoint.path,
    config: modelConfig(recipe.model, classes),
    imageShape: imageShape(recipe.model),
    preprocessing: evaluationPreprocessing(recipe),
    classNames,
    loss: recipe.loss,
    tensors: new Map([...checkpoint.tensors].filter(([name]) => !isOptimizerState(name))),
    step: checkpoint.step,
  };
}

/** The run's folder, and the checkpoint file where one was named. Throws where there is neither. */
function findRun(path: string): { folder: string; file: string | undefined } {
  requirePath(path);
  const isRun = (folder: string) => existsSync(join(folder, resolvedRecipeFile));
  const full = resolve(path);
  if (statSync(full).isDirectory()) {
    if (isRun(full)) return { folder: path, file: undefined };
    if (basename(full) === "checkpoints" && isRun(dirname(full))) return { folder: dirname(full), file: undefined };
    throw new CheckpointError(
      `${path} is not the folder of a run: it has no ${resolvedRecipeFile}. Give the folder that \`fovea train\` wrote (runs/NAME), or a checkpoint file in it.`,
    );
  }
  const folder = dirname(dirname(full));
  if (isRun(folder)) return { folder, file: path };
  throw new CheckpointError(
    `${path} is not in the folder of a run: there is no ${resolvedRecipeFile} in ${folder}, and only it says what the model is. Give a file of RUN/checkpoints.`,
  );
}

async function readRecipe(folder: string): Promise<Recipe> {
  const file = join(folder, resolvedRecipeFile);
  let input: unknown;
  try {
    input = JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    throw new CheckpointError(`${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  return resolveRecipe(input, file);
}

/** The best checkpoint of a run that is whole, else the newest. */
async function chooseCheckpoint(folder: string, note: (text: string) => void = () => {}): Promise<LoadedCheckpoint> {
  const checkpoints = join(folder, "checkpoints");
  const told = new Set<string>();
  const warn = (message: string) => {
    if (!told.has(message)) note(message);
    told.add(message);
  };
  const best = await bestCheckpoint(checkpoints, warn);
  if (best) {
    const { metric, value } = best.score!;
    note(`using ${best.path}, the best by ${metric} (${Number(value.toPrecision(4))})`);
    return best;
  }
  const latest = await latestCheckpoint(checkpoints, warn);
  if (latest) {
    note(`using ${latest.path}, the newest: no checkpoint of the run is scored`);
    return latest;
  }
  const found = await listCheckpoints(checkpoints);
  const count = found.checkpoints.length + found.damaged.length;
  if (count === 0) {
    throw new CheckpointError(
      `${folder} holds a run, but no checkpoint yet (in ${checkpoints}); train it until the first is saved: fovea train ${join(folder, resolvedRecipeFile)}`,
    );
  }
  const reasons = [...told].map((line) => `\n  ${line.replace("skipped a damaged checkpoint: ", "")}`);
  throw new CheckpointError(`${folder} has no checkpoint that is whole; ${count} damaged:${reasons.join("")}`);
}

function readClassNames({ meta }: LoadedCheckpoint): readonly string[] | undefined {
  const names = meta["classNames"];
  if (!Array.isArray(names) || !names.every((name) => typeof name === "string")) return undefined;
  return names as readonly string[];
}
