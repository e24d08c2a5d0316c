// From a recipe and what is known of its data to the configuration of a run.
import { createSchedule } from "../optim/index.js";
import type { ClassifierConfig } from "./classifier.js";
import { type DurationContext, toSteps } from "./durations.js";
import { type Recipe, scheduleConfig } from "./recipe.js";
import { imageShape, modelConfig } from "./recipe-model.js";

export { imageShape, modelConfig };

export interface RunPlan {
  readonly totalSteps: number;
  readonly evaluateEvery: number;
  readonly checkpointEvery: number;
  readonly logEvery: number;
  readonly stepsPerEpoch: number;
  readonly classifier: ClassifierConfig;
}

/**
 * Every duration of a recipe in steps, and the configuration of its graphs. Throws when a duration means nothing, and
 * RangeError when there is nothing to tell apart.
 */
export function planRun(recipe: Recipe, datasetSize: number, classes: number): RunPlan {
  if (classes < 2) {
    throw new RangeError(
      `${recipe.data.train.source} has one class only; a classifier needs at least two to tell apart`,
    );
  }
  const sizes: DurationContext = { batchSize: recipe.batchSize, datasetSize };
  const totalSteps = toSteps(recipe.total, sizes, "total");
  const context: DurationContext = { ...sizes, totalSteps };
  return {
    totalSteps,
    evaluateEvery: toSteps(recipe.evaluate.every, context, "evaluate.every"),
    checkpointEvery: toSteps(recipe.checkpoint.every, context, "checkpoint.every"),
    logEvery: toSteps(recipe.log.every, context, "log.every"),
    stepsPerEpoch: Math.max(1, Math.floor(datasetSize / recipe.batchSize)),
    classifier: {
      model: modelConfig(recipe.model, classes),
      image: imageShape(recipe.model),
      batchSize: recipe.batchSize,
      microbatches: recipe.microbatches ?? 1,
      loss: recipe.loss,
      labelSmoothing: recipe.labelSmoothing,
      optimizer: recipe.optimizer,
      schedule: createSchedule(scheduleConfig(recipe, context), { total: totalSteps, batchSize: recipe.batchSize }),
    },
  };
}
