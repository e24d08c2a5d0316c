// The models and their published variants.
export { patchSizes, type ViTShape, vitConfig, vitVariants } from "./variants.js";
export { type Pooling, type PositionEmbedding, type ViTConfig, type ViTOutput, vit, vitDefaults } from "./vit.js";
