// The models and their published variants.
export {
  drawsInTraining,
  type ModelConfig,
  type ModelFamily,
  type ModelOutput,
  model,
  requireClassifier,
} from "./model.js";
export { type ViTSize, vitSize } from "./size.js";
export { patchSizes, publishedViTs, type ViTShape, vitConfig, vitVariants } from "./variants.js";
export { type Pooling, type PositionEmbedding, type ViTConfig, type ViTOutput, vit, vitDefaults } from "./vit.js";
