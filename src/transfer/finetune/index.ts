/** Fine-tuning by published rules. */
export * from "./backbone.js";
export * from "./bit.js";
export * from "./divide.js";
export * from "./recipe.js";
export * from "./rule.js";
export * from "./run.js";
export * from "./vit.js";
export * from "./vtab.js";
