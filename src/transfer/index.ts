/** Transfer of a learned representation to new tasks. */

export * from "./fewshot/index.js";
