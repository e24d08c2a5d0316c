/** Estimates the cost of a run: parameters, FLOPs, memory, steps and time. */
import { byteSize } from "../../graph/index.js";
import type { ModelConfig } from "../../models/index.js";
import type { Recipe } from "../recipe/recipe.js";
import { evaluateMatmulRate } from "./matmul-rate.js";
import {
  dataOf,
  describeSettings,
  fitMemory,
  type MemorySettings,
  memoryCandidates,
  memoryChoice,
  memoryOf,
  memorySettings,
  type TrainingData,
} from "./memory.js";
import { openTrainingData } from "./open-part.js";
import { prepareTraining } from "./prepare.js";

export interface DryRun {
  readonly trainingImages: number;
  readonly classes: number;
  readonly parameters: number;
  readonly totalSteps: number;
  /** Training images that are seen, divided by the number of training images. */
  readonly epochs: number;
  /** Matrix FLOPs of one optimiser step, forward and backward. */
  readonly flopsPerStep: number;
  readonly totalFlops: number;
  /** Size of a checkpoint: parameters, their averages, and optimiser state, each number in its own precision. */
  readonly stateBytes: number;
  /** Estimate of the peak resident memory (`memoryOf`). */
  readonly memoryBytes: number;
  /** The machine's rate on a 1024 x 1024 product, measured by this dry run. */
  readonly matmulGflops: number;
  /** Estimated duration at the given fraction of that rate. */
  readonly expectedSeconds: number;
  readonly assumedRatio: number;
  /** The cost with settings that save memory; the recipe's own come first. */
  readonly choices: readonly DryRunChoice[];
}

/** Settings that save memory, and the cost of the whole run with them. */
export interface DryRunChoice {
  readonly settings: MemorySettings & { readonly momentumDtype?: "float16" };
  /** The settings as text. */
  readonly description: string;
  readonly memoryBytes: number;
  readonly expectedSeconds: number;
  /** Whether the given budget selects these settings. */
  readonly taken: boolean;
}

// The fraction of the matmul rate that a step reaches (README, "Speed"). Narrow models reach less than wide ones,
// convolutions less than matrix products.
function ratioOf(model: ModelConfig): number {
  // Depthwise convolutions and norms are bound by memory: measured for MobileNetV2 at 64 to 128 pixels.
  if (model.family === "mobilenet") return 0.2;
  if (model.family === "resnet" || model.family === "custom") return 0.5;
  return model.width >= 384 ? 0.75 : model.width >= 192 ? 0.6 : 0.45;
}

/**
 * Traces a recipe's graphs and measures the machine, without training or writing anything. With `memory`, in bytes, it
 * describes the settings that fit (`fitMemory`, whose error it throws).
 */
export async function dryRun(given: Recipe, options: { readonly memory?: number } = {}): Promise<DryRun> {
  await using source = (await openTrainingData(given)).source;
  const data = dataOf(source);
  const recipe = options.memory === undefined ? given : (await fitMemory(given, options.memory, data)).recipe;
  const { plan, objective, training } = await prepareTraining(
    recipe,
    source.length,
    source.classNames.length,
    source.vectorTargets,
  );
  await objective.close?.();
  const { parameterCount, cost, slots } = training;
  const matmulGflops = await evaluateMatmulRate(recipe.threads);
  const assumedRatio = ratioOf(plan.training.model);
  const stateBytes = slots.reduce((total, { input }) => total + byteSize(input), 0);
  const totalFlops = cost.step.flops * plan.totalSteps;
  const secondsOf = (flops: number) => (flops * plan.totalSteps) / (matmulGflops * 1e9 * assumedRatio);
  const choices = await dryRunChoices(given, data);
  return {
    trainingImages: source.length,
    classes: source.classNames.length,
    parameters: parameterCount,
    totalSteps: plan.totalSteps,
    epochs: (plan.totalSteps * recipe.batchSize) / source.length,
    flopsPerStep: cost.step.flops,
    totalFlops,
    stateBytes,
    memoryBytes: memoryOf(training),
    matmulGflops,
    expectedSeconds: secondsOf(cost.step.flops),
    assumedRatio,
    choices: choices.map(({ settings, memoryBytes, flopsPerStep }) => ({
      settings,
      description: settings.momentumDtype ? "moments stored in float16" : describeSettings(settings),
      memoryBytes,
      expectedSeconds: secondsOf(flopsPerStep),
      taken: options.memory !== undefined && isSame(settings, memorySettings(recipe)),
    })),
  };
}

const isSame = (a: DryRunChoice["settings"], b: MemorySettings): boolean =>
  a.momentumDtype === undefined && a.rematerialise === b.rematerialise && a.microbatches === b.microbatches;

/**
 * The cost of the recipe's own settings, of 2, 4 and 8 times the microbatches, with and without rematerialisation, and
 * of moments in float16.
 */
async function dryRunChoices(recipe: Recipe, data: TrainingData) {
  const now = memorySettings(recipe);
  const told = memoryCandidates(recipe).filter(({ microbatches }) =>
    [1, 2, 4, 8].some((times) => microbatches === times * now.microbatches),
  );
  const choices: { settings: DryRunChoice["settings"]; memoryBytes: number; flopsPerStep: number }[] = [];
  for (const settings of told) {
    const choice = await memoryChoice(recipe, settings, data);
    if (choice) choices.push({ settings, memoryBytes: choice.memoryBytes, flopsPerStep: choice.flopsPerStep });
  }
  const { optimizer } = recipe;
  if (optimizer.name !== "custom" && optimizer.momentumDtype === "float32") {
    const halved = { ...recipe, optimizer: { ...optimizer, momentumDtype: "float16" as const } };
    const choice = await memoryChoice(halved, now, data);
    if (choice) {
      const settings = { ...now, momentumDtype: "float16" as const };
      choices.push({ settings, memoryBytes: choice.memoryBytes, flopsPerStep: choice.flopsPerStep });
    }
  }
  return choices;
}
