/** Transfer of a learned representation to new tasks. */

export * from "./backbone.js";
export * from "./backbone-features.js";
export * from "./classifier/index.js";
export * from "./confusion.js";
export * from "./evaluation/index.js";
export * from "./evaluators/index.js";
export * from "./fewshot/index.js";
export * from "./finetune/index.js";
export * from "./fit/index.js";
export * from "./heads/index.js";
export * from "./method.js";
