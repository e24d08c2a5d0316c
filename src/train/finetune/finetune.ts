/** Fine-tunes a whole network on the classes of a dataset by a published rule. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { plural } from "../../text/format.js";
import { launchOf } from "../distributed/index.js";
import { type LaunchOptions, launchTraining } from "../launch.js";
import type { TrainResult } from "../loop.js";
import { type DryRun, dryRun } from "../plan/dry-run.js";
import { applyOverrides, type Override } from "../recipe/overrides.js";
import { type Recipe, resolveRecipe } from "../recipe/recipe.js";
import { hasRun, requireNoRun } from "../run/folder.js";
import { readTrainable } from "./backbone.js";
import { bitTasks } from "./bit.js";
import { divideSource } from "./divide.js";
import { defaultRule, type FineTuningRule, fineTuningPlan, fineTuningRecipe } from "./recipe.js";
import type { FineTuningPlan } from "./rule.js";
import { defaultMemory } from "./run.js";
import { checkTask } from "./vit.js";

export interface FinetuneOptions extends LaunchOptions {
  /** Default: bit for ResNets, vit for other networks. */
  readonly rule?: FineTuningRule | undefined;
  /** A dataset for which the rule has its own settings, such as cifar-100. */
  readonly task?: string | undefined;
  /** Training images per class. Default: all. */
  readonly shots?: number | undefined;
  /** Test images. Default: the test split of the dataset, otherwise a part that is held out. */
  readonly test?: string | undefined;
  /** The fraction of each class that is held out if there is no test split. Default: 0.2. */
  readonly holdOut?: number | undefined;
  /** Number of steps. Default: the rule's. */
  readonly steps?: number | undefined;
  readonly batchSize?: number | undefined;
  readonly imageSize?: number | undefined;
  readonly seed?: number | undefined;
  /** Folder of the run. Default: runs/finetune. */
  readonly output?: string | undefined;
  /** Settings of the recipe to change. */
  readonly settings?: readonly Override[] | undefined;
}

/** The decisions of a rule, as one line. */
function planLine(rule: FineTuningRule, plan: FineTuningPlan): string {
  const { steps, batchSize, learningRate, resize, crop, flip, mixup, schedule, clipNorm } = plan;
  const parts = [
    `${steps} steps of ${batchSize} images`,
    `learning rate ${learningRate} (${schedule.name})`,
    crop < resize ? `images resized to ${resize} and cropped to ${crop} pixels` : `images of ${crop} pixels`,
    ...(flip === "none" ? [] : ["mirrored"]),
    ...(mixup.alpha > 0 ? [`mixup ${mixup.alpha}`] : []),
    ...(clipNorm === undefined ? [] : [`gradients clipped to ${clipNorm}`]),
  ];
  return `rule ${rule}: ${parts.join(", ")}`;
}

/** Returns a function that loads the recipe of a fine-tuning. Lists of sampled images are written to `folder`. */
function recipeLoader(
  network: string,
  images: string,
  options: FinetuneOptions & { readonly output: string; readonly folder: string; readonly fresh: boolean },
): () => Promise<Recipe> {
  const { output, folder, fresh, rule, task, shots, test, holdOut = 0.2, seed = 0, settings = [], note } = options;
  if (task !== undefined) checkTask(task, bitTasks());
  const first = (launchOf()?.rank ?? 0) === 0;
  return async () => {
    const trainable = await readTrainable(network, (text) => note?.(text));
    if (fresh && !options.overwrite) await requireNoRun(output);
    // A resumed run uses the same sampled images again.
    const written = options.resume === true || !first;
    const divided = await divideSource({ source: images, test, holdOut, shots, seed, folder, written });
    const chosen = rule ?? defaultRule(trainable);
    const data = task === undefined ? divided.data : { ...divided.data, task };
    const { steps, batchSize, imageSize: crop } = options;
    const plan = fineTuningPlan(chosen, trainable, data, { steps, batchSize, crop });
    note?.(planLine(chosen, plan));
    if (divided.heldOut > 0) {
      note?.(`${plural(divided.heldOut, "image")} held out for evaluation, listed in test-images.txt`);
    }
    if (!divided.evaluation) note?.("no images are held out, so the run reports no accuracy");
    const { train, evaluation } = divided;
    const input = fineTuningRecipe({ plan, backbone: network, network: trainable, train, evaluation, seed, output });
    return resolveRecipe(applyOverrides(input, settings), "the recipe of this fine-tuning");
  };
}

const defaultFolder = "runs/finetune";

/**
 * Trains a whole network on the classes of a dataset. Steps, learning rates, image sizes and augmentations follow from
 * a published rule and from the number and size of the images. The network starts with its weights and a
 * zero-initialised head. Gradients are accumulated over microbatches that fit into `memory` (default: the free memory).
 *
 * Throws what opening the network or the images and `train` throw.
 *
 * @example const { evaluation } = await finetune("embedded:bit", "photos/", { imageSize: 64, batchSize: 128 });
 */
export async function finetune(network: string, images: string, options: FinetuneOptions = {}): Promise<TrainResult> {
  const { output = defaultFolder, memory = defaultMemory() } = options;
  // `resume` starts a run if there is none yet.
  const resume = options.resume === true && hasRun(output);
  const load = recipeLoader(network, images, { ...options, output, folder: output, fresh: !resume, resume });
  return await launchTraining(load, { ...options, memory });
}

/**
 * Estimates the cost of that fine-tuning on this machine, without training or writing anything. Throws what `finetune`
 * throws.
 */
export async function finetuneDryRun(network: string, images: string, options: FinetuneOptions = {}): Promise<DryRun> {
  const { output = defaultFolder, memory = defaultMemory() } = options;
  const folder = await mkdtemp(join(tmpdir(), "fovea-finetune-"));
  try {
    const load = recipeLoader(network, images, { ...options, output, folder, fresh: false, resume: false });
    return await dryRun(await load(), { memory });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
