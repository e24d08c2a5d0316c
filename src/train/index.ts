/** Training: recipes and the plumbing of a run. */

export * from "./checkpoint.js";
export * from "./durations.js";
export * from "./load-recipe.js";
export * from "./metrics.js";
export * from "./overrides.js";
export * from "./progress.js";
export * from "./recipe.js";
export * from "./tensorboard.js";
