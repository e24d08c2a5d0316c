/** Training: recipes and the plumbing of a run. */

export * from "./argmax.js";
export * from "./augreg.js";

export * from "./checkpoint.js";
export * from "./dry-run.js";
export * from "./durations.js";
export * from "./evaluate.js";
export * from "./evaluation-preprocessing.js";
export * from "./load-model.js";
export * from "./load-recipe.js";
export * from "./losses.js";
export * from "./matmul-rate.js";
export * from "./metrics.js";
export * from "./mixup.js";
export * from "./objectives/index.js";
export * from "./overrides.js";
export * from "./predict.js";
export * from "./prepare.js";
export * from "./progress.js";
export * from "./read-network.js";
export * from "./recipe.js";
export * from "./recipe-duration.js";
export * from "./recipe-optimizer.js";
export * from "./run-folder.js";
export * from "./settings.js";
export * from "./tensorboard.js";
export * from "./train.js";
export * from "./train-error.js";
export * from "./training-program.js";
