/** How much memory a run takes, and the settings that make it fit into less: microbatches and rematerialised blocks. */
import type { ImageSource } from "../../data/index.js";
import { byteSize } from "../../graph/index.js";
import { formatBytes } from "../../text/format.js";
import type { Recipe } from "../recipe/recipe.js";
import { microbatchesOf } from "./plan.js";
import { type PreparedTraining, prepareTraining } from "./prepare.js";
import type { TrainingProgram } from "./step.js";
import { TrainError } from "./train-error.js";

/** What of a recipe trades time for memory. */
export interface MemorySettings {
  readonly rematerialise: boolean;
  readonly microbatches: number;
}

/** What a run costs with such settings. */
export interface MemoryChoice extends MemorySettings {
  /** Estimate of the largest resident memory. */
  readonly memoryBytes: number;
  /** Matrix FLOPs of one step; the time goes with them. */
  readonly flopsPerStep: number;
}

/** What is known of a recipe's training data. */
export interface TrainingData {
  readonly images: number;
  readonly classes: number;
  readonly vectorTargets: boolean;
}

// Fitted to resident memory of whole processes (docs/results.md, "Memory": ViT-Ti/16 and S/16 within 8 %, R50x1 within 12 %
// without rematerialisation): Node and ONNX Runtime before any model, ...
const processBytes = 140e6;
// ... what the runtime keeps for each node of a graph, ...
const bytesPerNode = 12e3;
// ... and what its allocator takes for the values alive at one time: room between them, and values inside an operation.
const allocatorFactor = 1.2;

/**
 * Estimated largest resident memory of a run: the process; the state (parameters, averages, optimiser state), whose first values are given back
 * too late to count for nothing; second arrays of what a step does not write in place; and the larger of what a step and an evaluation hold beside it at one time.
 */
export function memoryOf({
  cost,
  slots,
  secondStateBytes,
}: Pick<TrainingProgram, "cost" | "slots" | "secondStateBytes">): number {
  const state = slots.reduce((total, { input }) => total + byteSize(input), 0);
  const held = [cost.step, cost.evaluate].map(({ peakBytes, inputBytes }) => peakBytes - inputBytes);
  const largest = held.reduce((most, bytes) => Math.max(most, bytes), 0);
  const nodes = cost.step.nodes + cost.evaluate.nodes;
  return Math.round(processBytes + bytesPerNode * nodes + 2 * state + secondStateBytes + allocatorFactor * largest);
}

/** The settings of a recipe as it stands. */
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

/** Each microbatch is a graph of its own: more of them take minutes to compile. */
const mostMicrobatches = 16;
/** Smaller parts leave the processor's matrix products too few rows; they are the last resort. */
const smallPart = 4;

/**
 * Settings that take less and less memory, in the order of what they cost in time: as the recipe says; in microbatches (the
 * same FLOPs); rematerialised (a forward pass more, a third); both; and at last parts of fewer than four images.
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

/** What a run of prepared graphs takes. */
const choiceOf = (recipe: Recipe, { training }: Pick<PreparedTraining, "training">): MemoryChoice => ({
  ...memorySettings(recipe),
  memoryBytes: memoryOf(training),
  flopsPerStep: training.cost.step.flops,
});

/** Builds the graphs of a recipe with other settings and counts them; undefined where its objective allows no microbatches. */
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

/** What is to be known of a source of training images. */
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
 * The recipe with the settings that cost the least time and fit into so many bytes. Throws TrainError, naming the smallest
 * size that would do, when none fits.
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
    `no settings fit into ${formatBytes(budgetBytes)}: the least is about ${formatBytes(needed.memoryBytes)}, ${describeSettings(needed)} (--memory ${Math.ceil(needed.memoryBytes / 1e6)}MB); for less, lower batchSize or model.imageSize, or choose a smaller model`,
  );
}

/** `rematerialised, in 4 microbatches`. */
export function describeSettings({ rematerialise, microbatches }: MemorySettings): string {
  const parts = microbatches === 1 ? "the batch in one part" : `in ${microbatches} microbatches`;
  return rematerialise ? `rematerialised, ${parts}` : parts;
}
