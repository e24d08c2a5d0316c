/** What `fovea/train` exports: recipes, training by a recipe or from code, objectives of the user, and checkpoints. */
export {
  type Checkpoint,
  CheckpointError,
  loadCheckpoint,
  saveCheckpoint,
} from "../networks/index.js";
export type { TrainResult } from "./loop.js";
export { trainStep } from "./node-step.js";
export {
  type CustomObjective,
  classification,
  defineObjective,
  type Objective,
  type ObjectiveContext,
  type ObjectiveDefinition,
} from "./objectives/index.js";
export { dryRun } from "./plan/dry-run.js";
export { TrainError } from "./plan/train-error.js";
export { augregRecipe, augregRecommended } from "./recipe/augreg.js";
export { loadRecipe } from "./recipe/load-recipe.js";
export { defineRecipe, type Recipe, RecipeError, type RecipeInput } from "./recipe/recipe.js";
export { readMetrics } from "./run/metrics.js";
export { type TrainOptions, train } from "./train.js";
export type { TrainStep, TrainStepOptions } from "./train-step.js";
