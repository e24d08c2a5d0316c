/**
 * Estimates the memory of a run, and chooses the settings with which it fits into a budget: microbatches and
 * rematerialisation.
 */
import type { ImageSource } from "../../data/index.js";
import { byteSize } from "../../graph/index.js";
import { formatBytes } from "../../text/format.js";
import type { Recipe } from "../recipe/recipe.js";
import { microbatchesOf } from "./plan.js";
import { type PreparedTraining, prepareTraining } from "./prepare.js";
import type { TrainingProgram } from "./step.js";
import { TrainError } from "./train-error.js";

/** The settings of a recipe that trade time for memory. */
export interface MemorySettings {
  readonly rematerialise: boolean;
  readonly microbatches: number;
}

/** The cost of a run with such settings. */
export interface MemoryChoice extends MemorySettings {
  /** Estimate of the peak resident memory. */
  readonly memoryBytes: number;
  /** Matrix FLOPs of one step, to which the time is proportional. */
  readonly flopsPerStep: number;
}

/** The properties of a recipe's training data that the estimate needs. */
export interface TrainingData {
  readonly images: number;
  readonly classes: number;
  readonly vectorTargets: boolean;
}

// The constants are fitted to resident memory of whole processes (docs/results.md, "Memory": ViT-Ti/16 and S/16 within
// 8 %, R50x1 within 12 % without rematerialisation). This one is Node and ONNX Runtime before any model is loaded.
const processBytes = 140e6;
// The runtime's memory for each node of a graph.
const bytesPerNode = 12e3;
// The allocator's overhead on values that are alive together: gaps between them, and temporary values inside an
// operation.
const allocatorFactor = 1.2;

/**
 * Estimates the peak resident memory of a run as the sum of: the process; the state (parameters, averages, optimiser
 * state), counted twice because its initial values are freed too late; second arrays of what a step does not write in
 * place; and the larger of the values that a step and an evaluation hold together. An evaluation holds the weights twice
 * more, in its graph and as the runtime keeps them.
 */
export function memoryOf({
  cost,
  slots,
  secondStateBytes,
}: Pick<TrainingProgram, "cost" | "slots" | "secondStateBytes">): number {
  const state = slots.reduce((total, { input }) => total + byteSize(input), 0);
  const held = [cost.step.peakBytes - cost.step.inputBytes, cost.evaluate.peakBytes + cost.evaluate.inputBytes];
  const largest = held.reduce((most, bytes) => Math.max(most, bytes), 0);
  const nodes = cost.step.nodes + cost.evaluate.nodes;
  return Math.round(processBytes + bytesPerNode * nodes + 2 * state + secondStateBytes + allocatorFactor * largest);
}

/** The recipe's own settings. */
export const memorySettings = (recipe: Recipe): MemorySettings => ({
  rematerialise: recipe.model.rematerialise,
  microbatches: microbatchesOf(recipe),
});

/** The recipe with other settings. */
export const withMemorySettings = (recipe: Recipe, { rematerialise, microbatches }: MemorySettings): Recipe => ({
  ...recipe,
  model: { ...recipe.model, rematerialise },
  microbatches,
});

/** Each microbatch is a separate graph: more of them take minutes to compile. */
const mostMicrobatches = 16;
/** Microbatches with fewer images leave matrix products with too few rows to be fast, so they are the last resort. */
const smallPart = 4;

/**
 * Settings that take less and less memory, in the order of their cost in time: the recipe's own; microbatches (the same
 * FLOPs); rematerialisation (an extra forward pass, a third more); both; and finally microbatches of fewer than four
 * images.
 */
export function memoryCandidates(recipe: Recipe): MemorySettings[] {
  const now = memorySettings(recipe);
  const parts = Array.from({ length: mostMicrobatches }, (_, i) => i + 1).filter(
    (count) => count >= now.microbatches && recipe.batchSize % count === 0,
  );
  const large = parts.filter((count) => count === now.microbatches || recipe.batchSize / count >= smallPart);
  const small = parts.filter((count) => !large.includes(count));
  const forms = now.rematerialise ? [true] : [false, true];
  return [large, small].flatMap((counts) =>
    forms.flatMap((rematerialise) => counts.map((microbatches) => ({ rematerialise, microbatches }))),
  );
}

/** The cost of a run with prepared graphs. */
const choiceOf = (recipe: Recipe, { training }: Pick<PreparedTraining, "training">): MemoryChoice => ({
  ...memorySettings(recipe),
  memoryBytes: memoryOf(training),
  flopsPerStep: training.cost.step.flops,
});

/**
 * Builds the graphs of a recipe with other settings and computes their cost; undefined if its objective allows no
 * microbatches.
 */
export async function memoryChoice(
  recipe: Recipe,
  settings: MemorySettings,
  data: TrainingData,
): Promise<MemoryChoice | undefined> {
  const changed = withMemorySettings(recipe, settings);
  const prepared = await prepareTraining(changed, data.images, data.classes, data.vectorTargets).catch(
    (error: unknown) => {
      if (error instanceof RangeError && /microbatches/.test(error.message)) return undefined;
      throw error;
    },
  );
  await prepared?.objective.close?.();
  return prepared && choiceOf(changed, prepared);
}

/** The properties of a source of training images. */
export const dataOf = (source: ImageSource): TrainingData => ({
  images: source.length,
  classes: source.classNames.length,
  vectorTargets: source.vectorTargets ?? false,
});

export interface Fit {
  readonly recipe: Recipe;
  readonly choice: MemoryChoice;
}

/**
 * The recipe with the fastest settings that fit into `budgetBytes`. Throws TrainError with the smallest sufficient
 * budget when none fits.
 */
export async function fitMemory(recipe: Recipe, budgetBytes: number, data: TrainingData): Promise<Fit> {
  let smallest: MemoryChoice | undefined;
  for (const settings of memoryCandidates(recipe)) {
    const choice = await memoryChoice(recipe, settings, data);
    if (!choice) continue;
    if (choice.memoryBytes <= budgetBytes) return { recipe: withMemorySettings(recipe, settings), choice };
    if (!smallest || choice.memoryBytes < smallest.memoryBytes) smallest = choice;
  }
  const needed = smallest!;
  throw new TrainError(
    `no settings fit into ${formatBytes(budgetBytes)}; the smallest need is about ${formatBytes(needed.memoryBytes)}, ${describeSettings(needed)} (--memory ${Math.ceil(needed.memoryBytes / 1e6)}MB); for less, lower batchSize or model.imageSize, or choose a smaller model`,
  );
}

/** The settings as text: `rematerialised, in 4 microbatches`. */
export function describeSettings({ rematerialise, microbatches }: MemorySettings): string {
  const parts = microbatches === 1 ? "the batch in one part" : `in ${microbatches} microbatches`;
  return rematerialise ? `rematerialised, ${parts}` : parts;
}
