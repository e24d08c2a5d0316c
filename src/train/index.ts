/** Training: recipes and the plumbing of a run. */
export * from "./durations.js";
export * from "./load-recipe.js";
export * from "./overrides.js";
export * from "./recipe.js";
