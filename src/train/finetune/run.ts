/** Fine-tunes a backbone on opened sources and says what every test image is taken for; into a run folder, or leaving no file. */

import { mkdtemp, rm } from "node:fs/promises";
import { freemem, tmpdir } from "node:os";
import { join } from "node:path";
import { argmax } from "../../algebra/argmax.js";
import { rowOf } from "../../algebra/features.js";
import type { ImageSource } from "../../data/index.js";
import { imageRows, open } from "../../networks/index.js";
import { defined } from "../../text/defined.js";
import type { TrainResult } from "../loop.js";
import { dataOf, fitMemory } from "../plan/memory.js";
import { type Recipe, resolveRecipe } from "../recipe/recipe.js";
import { withSavedMemory } from "../run/folder.js";
import { train as trainRecipe } from "../train.js";
import { readTrainable, typicalImageSize } from "./backbone.js";
import { TransferError, type TransferMethod, type TransferResult, type TransferRun } from "./method.js";
import { type FineTuningChoices, type FineTuningRule, fineTuningPlan, fineTuningRecipe } from "./recipe.js";
import { planPreprocessing } from "./rule.js";
import { vtabLightSweep } from "./vtab.js";

export interface FineTuneOptions {
  readonly rule: FineTuningRule;
  /** A run folder, weights or `hf:OWNER/NAME`. */
  readonly backbone: string;
  readonly train: ImageSource;
  readonly test: ImageSource;
  readonly choices?: FineTuningChoices;
  readonly task?: string;
  readonly seed?: number;
  /** Folder of the run; without one it is in a temporary folder that is removed. */
  readonly output?: string;
  /** Continue the run in `output`, or replace it. */
  readonly resume?: boolean;
  readonly overwrite?: boolean;
  readonly threads?: number;
  /** Decoding threads. Default: by the number of cores. */
  readonly workers?: number;
  /** Memory budget in bytes: microbatches and rematerialisation are chosen to fit it. Default: the free memory. */
  readonly memory?: number;
  readonly signal?: AbortSignal;
  /** Told how far it is, from 0 to 1. */
  readonly progress?: (done: number) => void;
  /** Told what was changed or assumed. */
  readonly note?: (text: string) => void;
}

export interface FineTuned extends TransferResult {
  readonly training: TrainResult;
}

/** The part of the free memory that a run may take when nothing is said: the loader's images and the system need some too. */
const defaultShare = 0.7;

/** Bytes a run may take: 70 % of what is free, where the process may have as much. */
export function defaultMemory(): number {
  // undefined or 0 where the process is not limited
  const limit = process.constrainedMemory() || Number.POSITIVE_INFINITY;
  return Math.floor(defaultShare * Math.min(freemem(), limit));
}

/**
 * Fine-tunes a backbone by a rule and names the class of every test image.
 *
 * Throws TransferError for an ONNX file and choices that mean nothing, the signal's reason when it is ended early (the state is
 * then saved in `output`), and what `readNetwork` and `train` throw.
 */
export async function fineTuneSources(options: FineTuneOptions): Promise<FineTuned> {
  const { output, signal } = options;
  signal?.throwIfAborted();
  const folder = output ?? (await mkdtemp(join(tmpdir(), "fovea-finetune-")));
  try {
    return await fineTuneInto(folder, options);
  } finally {
    if (output === undefined) await rm(folder, { recursive: true, force: true });
  }
}

async function fineTuneInto(folder: string, options: FineTuneOptions): Promise<FineTuned> {
  const { rule, backbone, train, test, choices, task, seed = 0, signal, progress, note, threads, workers } = options;
  const network = await readTrainable(backbone, note);
  const data = {
    examples: train.length,
    imageSize: await typicalImageSize(train),
    task,
  };
  const plan = fineTuningPlan(rule, network, data, choices);
  // the recipe names the source, which is open: nothing opens it by that name
  const input = fineTuningRecipe({ plan, backbone, network, train: { source: train.name }, seed, output: folder });
  const whole = resolveRecipe({
    ...input,
    data: { ...input.data, workers },
    threads,
    checkpoint: options.output === undefined ? { every: { percent: 1 }, keepLast: 1 } : input.checkpoint,
  });
  const recipe = await fitted(whole, folder, options);
  const training = await trainRecipe(recipe, {
    sources: { train },
    silent: true,
    resume: options.resume,
    overwrite: options.overwrite || options.output === undefined,
    signal,
    // what is left is naming the test images
    onMetrics: ({ step }) => progress?.((0.95 * step) / plan.steps),
  });
  if (training.interrupted) {
    signal?.throwIfAborted();
    throw new TransferError(`the fine-tuning stopped after step ${training.step} of ${training.totalSteps}`);
  }
  const { accuracy, predictions } = await predictionsOf(folder, test, planPreprocessing(plan, network).test, {
    batchSize: Math.min(32, test.length),
    threads,
    workers,
  });
  progress?.(1);
  return { accuracy, predictions, training };
}

/** The recipe with microbatches and rematerialised blocks that fit the memory; of a run that is resumed, with those it has. */
async function fitted(recipe: Recipe, folder: string, { train, resume, memory }: FineTuneOptions): Promise<Recipe> {
  if (resume) return await withSavedMemory(recipe, folder);
  return (await fitMemory(recipe, memory ?? defaultMemory(), dataOf(train))).recipe;
}

/** The class a trained network gives every image of a source, and the share of right ones. */
async function predictionsOf(
  folder: string,
  source: ImageSource,
  preprocessing: string,
  { workers, ...options }: { readonly batchSize: number; readonly threads?: number; readonly workers?: number },
): Promise<TransferResult> {
  await using model = await open(folder, { ...options, output: "logits" });
  const { features, labels, indices } = await imageRows(model.run, source, {
    batchSize: options.batchSize,
    preprocessing,
    maxBadFraction: 1,
    workers,
  });
  const predictions = new Int32Array(source.length).fill(-1);
  let right = 0;
  for (const [row, index] of indices.entries()) {
    predictions[index] = argmax(rowOf(features, row));
    if (predictions[index] === labels[row]) right++;
  }
  return { accuracy: right / indices.length, predictions };
}

function method(
  rule: FineTuningRule,
  title: string,
  settings: TransferMethod["settings"],
  choices: FineTuningChoices = {},
): TransferMethod {
  return {
    name: `finetune-${rule}`,
    title,
    settings,
    settingNames,
    run: async ({ setting, imageSize, ...run }: TransferRun) => {
      const { accuracy, predictions } = await fineTuneSources({
        ...run,
        rule,
        choices: { ...choices, ...choicesOf(defined({ imageSize, ...setting })) },
      });
      return { accuracy, predictions };
    },
  };
}

const settingNames = [
  "learningRate",
  "steps",
  "batchSize",
  "dropout",
  "weightDecayToInitial",
  "mixup",
  "imageSize",
] as const;

/** Throws TransferError for a setting that fine-tuning does not have. */
function choicesOf(setting: TransferRun["setting"]): FineTuningChoices {
  const other = Object.keys(setting).find((name) => !settingNames.some((known) => known === name));
  const { imageSize: crop, ...choices } = setting;
  if (other === undefined) return defined({ ...choices, crop });
  throw new TransferError(`fine-tuning has no setting "${other}"; it takes ${settingNames.join(", ")}`);
}

/** Fine-tuning as methods of a benchmark, with the settings each is published with there (papers.md 4.4). */
export const fineTuningMethods: Readonly<Record<"bit" | "vit" | "vtab", TransferMethod>> = {
  bit: method("bit", "fine-tuning by BiT-HyperRule", [{}]),
  vit: method("vit", "fine-tuning as the ViT paper did", [{ learningRate: 0.01, steps: 2500 }]),
  vtab: method("vtab", "fine-tuning, VTAB's lightweight sweep", vtabLightSweep),
};
