/**
 * Fine-tunes a backbone on opened sources and classifies the test images. The run is saved in a folder, or leaves no
 * files.
 */

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
  /** Folder of the run. Default: a temporary folder, which is removed. */
  readonly output?: string;
  /** Continue the run in `output`, or replace it. */
  readonly resume?: boolean;
  readonly overwrite?: boolean;
  readonly threads?: number;
  /** Decoding threads. Default: chosen by the number of cores. */
  readonly workers?: number;
  /** Memory budget in bytes: microbatches and rematerialisation are chosen to fit it. Default: the free memory. */
  readonly memory?: number;
  readonly signal?: AbortSignal;
  /** Called with the completed fraction, from 0 to 1. */
  readonly progress?: (done: number) => void;
  /** Called with messages about changes and assumptions. */
  readonly note?: (text: string) => void;
}

export interface FineTuned extends TransferResult {
  readonly training: TrainResult;
}

/** The default fraction of the free memory that a run may use; the loader's images and the system need some too. */
const defaultShare = 0.7;

/**
 * The default memory budget of a run in bytes: 70 % of the free memory, or of the limit of the process if that is
 * lower.
 */
export function defaultMemory(): number {
  // undefined or 0 if the process is not limited
  const limit = process.constrainedMemory() || Number.POSITIVE_INFINITY;
  return Math.floor(defaultShare * Math.min(freemem(), limit));
}

/**
 * Fine-tunes a backbone by a rule and classifies every test image.
 *
 * Throws TransferError for an ONNX file and invalid choices, and the signal's reason when it is stopped early (the
 * state is then saved in `output`). Also throws what `readNetwork` and `train` throw.
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
  // the recipe names the source, which is already open: nothing opens it by that name
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
    // the rest of the progress is the classification of the test images
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

/** The recipe with microbatches and rematerialisation that fit the memory; a resumed run keeps its own settings. */
async function fitted(recipe: Recipe, folder: string, { train, resume, memory }: FineTuneOptions): Promise<Recipe> {
  if (resume) return await withSavedMemory(recipe, folder);
  return (await fitMemory(recipe, memory ?? defaultMemory(), dataOf(train))).recipe;
}

/** Classifies every image of a source with a trained network; returns the predictions and the accuracy. */
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
  throw new TransferError(`fine-tuning has no setting "${other}"; expected ${settingNames.join(", ")}`);
}

/** Fine-tuning as transfer methods of a benchmark, with the settings published for it (papers.md 4.4). */
export const fineTuningMethods: Readonly<Record<"bit" | "vit" | "vtab", TransferMethod>> = {
  bit: method("bit", "fine-tuning by BiT-HyperRule", [{}]),
  vit: method("vit", "fine-tuning as the ViT paper did", [{ learningRate: 0.01, steps: 2500 }]),
  vtab: method("vtab", "fine-tuning, VTAB's lightweight sweep", vtabLightSweep),
};
