/** What `fovea/models` exports: networks of the published families by their configuration, and models of the user. */
export { type CustomModel, defineModel, type ModelDefinition } from "./custom.js";
export { type ModelConfig, type ModelOutput, model } from "./model.js";
export { publishedModels } from "./registry.js";
export { type ModelSettings, modelConfig } from "./settings.js";
