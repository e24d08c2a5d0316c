// Opens a trained network for use: its parameters from a run's checkpoint, in a program that only goes forward.
import { existsSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { requirePath } from "../data/sources/paths.js";
import { elementCount } from "../graph/index.js";
import type { ModelConfig } from "../models/index.js";
import { isOptimizerState } from "../optim/index.js";
import { compile, type Device, type Program } from "../runtime/index.js";
import {
  bestCheckpoint,
  CheckpointError,
  type LoadedCheckpoint,
  latestCheckpoint,
  listCheckpoints,
  loadCheckpoint,
} from "./checkpoint.js";
import { evaluationPreprocessing } from "./evaluation-preprocessing.js";
import { forwardFunctions } from "./forward.js";
import { resolvedRecipeFile } from "./load-recipe.js";
import { type Recipe, resolveRecipe } from "./recipe.js";
import { restoredState } from "./restore.js";
import { imageShape, modelConfig } from "./settings.js";

export interface OpenModelOptions {
  readonly device?: Device;
  /** Threads inside one operation; the runtime's choice when left out. */
  readonly threads?: number;
  /** Images a run of the program takes; 32 when left out. */
  readonly batchSize?: number;
  /** The functions to compile; both when left out. */
  readonly functions?: readonly ("represent" | "evaluate")[];
  /** Told which checkpoint of a folder is used, and about damaged ones that were passed over. */
  readonly note?: (text: string) => void;
}

/** A trained network that is open for use. */
export interface OpenedModel {
  /** Functions `represent` (image; gives preLogits) and `evaluate` (image, label; gives logits and loss). */
  readonly program: Program;
  readonly batchSize: number;
  /** The checkpoint file. */
  readonly path: string;
  /** Updates it had seen. */
  readonly step: number;
  readonly recipe: Recipe;
  readonly config: ModelConfig;
  /** [height, width, channels] */
  readonly imageShape: readonly [number, number, number];
  /** What makes images of any source fit (see `evaluationPreprocessing`). */
  readonly preprocessing: string;
  /** The classes it was trained on, in the order of its logits; undefined where the checkpoint does not name them. */
  readonly classNames: readonly string[] | undefined;
  /** Features of its representation. */
  readonly width: number;
  readonly parameterCount: number;
  close(): Promise<void>;
}

/** Enough images that the products are large; more would only take more memory. */
const usualBatchSize = 32;

/**
 * Opens the network of a run: `path` is the run's folder, of which the best-scored checkpoint is taken (the newest where
 * none is scored), or one of its checkpoint files.
 *
 * Throws CheckpointError when there is no checkpoint, it is damaged, or it does not fit the recipe's model (naming every
 * tensor that is missing, extra or mis-shaped); RecipeError when the recipe is not valid; an Error naming the nearest path
 * when there is nothing at `path`.
 *
 * @example
 * const model = await openModel("runs/quickstart");
 * const { features } = await representImages(model.program, source, model);
 * await model.close();
 */
export async function openModel(path: string, options: OpenModelOptions = {}): Promise<OpenedModel> {
  const { folder, file } = findRun(path);
  const recipe = await readRecipe(folder);
  const checkpoint = file === undefined ? await chooseCheckpoint(folder, options.note) : await loadCheckpoint(file);
  const classNames = readClassNames(checkpoint);
  // The number of classes is the data's and stands in no recipe; a checkpoint without a head is refused below.
  const classes = checkpoint.tensors.get("head/kernel")?.shape.at(-1) ?? classNames?.length ?? 1;
  const batchSize = options.batchSize ?? usualBatchSize;
  const config = modelConfig(recipe.model, classes);
  const image = imageShape(recipe.model);
  const forward = forwardFunctions({ model: config, image, batchSize, loss: recipe.loss });
  const tensors = forward.parameters.map(({ tensor }) => tensor);
  const wanted = forward.parameters.map(({ name, tensor }) => ({ name, shape: tensor.shape }));
  const values = restoredState(wanted, checkpoint, isOptimizerState);
  const names = options.functions ?? (["represent", "evaluate"] as const);
  const source = { state: tensors, functions: Object.fromEntries(names.map((name) => [name, forward[name]])) };
  const program = await compile(source, {
    device: options.device ?? "cpu",
    ...(options.threads !== undefined && { threads: options.threads }),
  });
  try {
    await program.writeState(values);
  } catch (error) {
    await program.close();
    throw error;
  }
  return {
    program,
    batchSize,
    path: checkpoint.path,
    step: checkpoint.step,
    recipe,
    config,
    imageShape: image,
    preprocessing: evaluationPreprocessing(recipe),
    classNames,
    width: forward.represent.outputs.preLogits.shape.at(-1)!,
    parameterCount: tensors.reduce((total, { shape }) => total + elementCount(shape), 0),
    close: () => program.close(),
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
