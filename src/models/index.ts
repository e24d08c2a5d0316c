/** The models and their published variants. */

export {
  type CustomConfig,
  type CustomContext,
  type CustomModel,
  type CustomOutput,
  type CustomSettings,
  customModelProblem,
  defineModel,
  type ModelDefinition,
} from "./custom.js";
export {
  type MixerConfig,
  type MixerOutput,
  type MixerShape,
  mixer,
  mixerConfig,
  mixerDefaults,
  mixerVariants,
  publishedMixers,
} from "./mixer.js";
export {
  activationNames,
  type MobileNetConfig,
  type MobileNetOutput,
  mobilenet,
  mobilenetConfig,
  mobilenetDefaults,
  mobilenetShapes,
  publishedMobileNets,
} from "./mobilenet/index.js";
export {
  drawsInTraining,
  type ModelConfig,
  type ModelFamily,
  type ModelOutput,
  model,
  type PublishedConfig,
  representationWidth,
  requireClassifier,
} from "./model.js";
export {
  type ModelChanges,
  type ModelSeries,
  modelInput,
  modelSeries,
  type PublishedModel,
  parseModelName,
  publishedModels,
} from "./registry.js";
export {
  allPooledStages,
  type ResNetConfig,
  type ResNetOutput,
  resnet,
  resnetDefaults,
  stageWidth,
} from "./resnet.js";
export type { ResNetAttention } from "./resnet-stages.js";
export { publishedResNets, resnetBlocks, resnetConfig } from "./resnet-variants.js";
export { imageShape, type ModelSettings, modelConfig } from "./settings.js";
export {
  costAtSize,
  largestBatch,
  type ModelSize,
  memoryRatio,
  modelSize,
  type SizeCost,
  sizeOfShare,
} from "./size.js";
export {
  type ConvolutionStem,
  convolutionStem,
  type Patches,
  patchEmbedding,
  type ResNetStem,
  resnetStem,
  type Stem,
  stemFeatures,
} from "./stems.js";
export { type PublishedSuccessor, publishedSuccessors } from "./successors.js";
export {
  patchSizes,
  publishedEarlyConvolutions,
  publishedHybrids,
  publishedViTs,
  type ViTShape,
  vitConfig,
  vitVariants,
} from "./variants.js";
export { type BiasPart, isPlainViT, type Pooling, type ViTConfig, type ViTOutput, vit, vitDefaults } from "./vit.js";
export {
  classTokenHasRow,
  hasClassToken,
  type PositionEmbedding,
  type PositionLayers,
  prefixTokens,
} from "./vit-positions.js";
export { whiteningEpsilon } from "./whitening.js";
