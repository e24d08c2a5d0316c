/** Derives the configuration of a run from a recipe and the properties of its data. */
import { preprocessing, type ValueRange, valueRangeOf } from "../../images/index.js";
import { imageShape, modelConfig } from "../../models/index.js";
import { createSchedule } from "../../optim/index.js";
import { type ObjectiveContext, objectiveKind } from "../objectives/index.js";
import { type DurationContext, toSteps } from "../recipe/durations.js";
import { averageConfig, type RecipeSchedule, scheduleConfig } from "../recipe/optimizer.js";
import { canonicalJson, type Recipe, trainingParts } from "../recipe/recipe.js";
import { fastestMicrobatches } from "./microbatches.js";
import type { Sharing, TrainingConfig } from "./step.js";

/**
 * The number of microbatches on each rank: the recipe's; otherwise the fastest on the CPU for objectives that treat
 * every image independently, and 1 for the others.
 */
export function microbatchesOf(recipe: Recipe, ranks = 1): number {
  if (recipe.microbatches !== undefined) return recipe.microbatches;
  if (recipe.device !== "cpu" || recipe.compute !== "float32" || !objectiveKind(recipe.objective).judgesSingly)
    return 1;
  return fastestMicrobatches(modelConfig(recipe.model, 0), imageShape(recipe.model), recipe.batchSize / ranks);
}

export interface RunPlan {
  readonly totalSteps: number;
  readonly evaluateEvery: number;
  readonly checkpointEvery: number;
  readonly logEvery: number;
  readonly stepsPerEpoch: number;
  readonly training: TrainingConfig;
  /** The context that the recipe's objective is opened with, without access to teachers. */
  readonly objective: Omit<ObjectiveContext, "openTeacher">;
}

/**
 * Converts every duration of a recipe to steps, and returns the configuration of its graphs. `sourceTargets` says
 * whether the training source provides target vectors; each of several ranks has its part of every batch. Throws for
 * invalid durations, and RangeError when there is only one class.
 */
export function planRun(
  recipe: Recipe,
  datasetSize: number,
  classes: number,
  sourceTargets = false,
  sharing: Sharing = { ranks: 1 },
): RunPlan {
  const { ranks } = sharing;
  const { unlabelledBatchSize } = recipe.objective as { readonly unlabelledBatchSize?: number };
  const ownBatch = recipe.batchSize / ranks;
  for (const [name, size] of Object.entries({
    batchSize: recipe.batchSize,
    "objective.unlabelledBatchSize": unlabelledBatchSize,
  })) {
    if (size === undefined || size % ranks === 0) continue;
    throw new RangeError(
      `a batch of ${size} cannot be divided over ${ranks} ranks; set ${name} to a multiple of ${ranks}, such as ${Math.ceil(size / ranks) * ranks}, or start another number of ranks`,
    );
  }
  const microbatches = microbatchesOf(recipe, ranks);
  if (ownBatch % microbatches !== 0) {
    throw new RangeError(
      `each of ${ranks} ranks has ${ownBatch} of the ${recipe.batchSize} images of a batch, which cannot be divided into ${microbatches} equal microbatches; set microbatches to a divisor of ${ownBatch}`,
    );
  }
  const kind = objectiveKind(recipe.objective);
  // The size of a microbatch if the result does not depend on it, since a whole batch may not fit into memory.
  const evaluationBatchSize = kind.judgesSingly ? ownBatch / microbatches : ownBatch;
  const headClasses = kind.headClasses(recipe.objective, classes);
  if (headClasses === 1) {
    throw new RangeError(
      `${trainingParts(recipe)
        .map(({ source }) => source)
        .join(" and ")} has only one class; a classifier needs at least two`,
    );
  }
  const pipelines = trainingParts(recipe).map((part) => part.preprocessing);
  const sizes: DurationContext = { batchSize: recipe.batchSize, datasetSize };
  const totalSteps = toSteps(recipe.total, sizes, "total");
  const context: DurationContext = { ...sizes, totalSteps };
  const model = modelConfig(recipe.model, headClasses);
  const image = imageShape(recipe.model);
  const schedule = (one: RecipeSchedule, path?: string) =>
    createSchedule(scheduleConfig(one, context, path), { total: totalSteps, batchSize: recipe.batchSize });
  const schedulePatterns = recipe.schedulePatterns?.map(
    ([pattern, own], i) => [pattern, own && schedule(own, `schedulePatterns.${i}`)] as const,
  );
  return {
    totalSteps,
    evaluateEvery: toSteps(recipe.evaluate.every, context, "evaluate.every"),
    checkpointEvery: toSteps(recipe.checkpoint.every, context, "checkpoint.every"),
    logEvery: toSteps(recipe.log.every, context, "log.every"),
    stepsPerEpoch: Math.max(1, Math.floor(datasetSize / recipe.batchSize)),
    training: {
      model,
      image,
      microbatches,
      sharing,
      compute: recipe.compute,
      stepsPerRun: recipe.stepsPerRun,
      totalSteps,
      evaluationBatchSize,
      optimizer: { ...recipe.optimizer, schedulePatterns },
      schedule: schedule(recipe.schedule),
      average: recipe.average && averageConfig(recipe.average, context),
      reportNorm: recipe.onNotFinite !== "stop",
    },
    objective: {
      model,
      image,
      batchSize: ownBatch,
      unlabelledBatchSize: unlabelledBatchSize === undefined ? undefined : unlabelledBatchSize / ranks,
      evaluationBatchSize,
      classes,
      mixup: recipe.mixup.alpha > 0 ? recipe.mixup : undefined,
      valueRange: commonRange(pipelines),
      vectorTargets: sourceTargets || pipelines.some(bringsTargets),
    },
  };
}

/** The common value range of all parts of a recipe. Throws RangeError if they differ. */
function commonRange(pipelines: readonly string[]): ValueRange {
  const ranges = pipelines.map(valueRangeOf);
  const other = ranges.findIndex((range) => canonicalJson(range) !== canonicalJson(ranges[0]));
  if (other < 0) return ranges[0]!;
  throw new RangeError(
    `data.train.${other} has the value range ${canonicalJson(ranges[other])} and data.train.0 ${canonicalJson(ranges[0])}; give all parts the same value_range`,
  );
}

/** Whether a preprocessing makes target vectors. */
const bringsTargets = (pipeline: string): boolean => preprocessing(pipeline).some(({ name }) => name === "onehot");
