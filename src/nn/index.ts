/** Layers, their building blocks, and losses. */

export { type AttentionOptions, type AttentionProjection, multiHeadAttention } from "./attention.js";
export {
  type BatchNormConvolutionOptions,
  type BatchNormOptions,
  batchNormConvolution,
  isStatisticName,
} from "./batch-norm.js";
export {
  type NonLocalOptions,
  nonLocalBlock,
  type SqueezeExcitationOptions,
  squeezeExcitation,
} from "./channel-attention.js";
export {
  type ConvolutionLayerOptions,
  convolution,
  type GroupNormOptions,
  groupNormLayer,
  resizeNHWC,
  samePadding,
  standardisedConvolution,
  toNCHW,
} from "./convolution.js";
export { classifierHead } from "./head.js";
export {
  filledWith,
  type Initializer,
  lecunNormal,
  normal,
  ones,
  truncatedNormal,
  xavierUniform,
  zeros,
} from "./initializers.js";
export {
  type DenseOptions,
  dense,
  dropout,
  layerNorm,
  layerScale,
  type MlpOptions,
  mlpBlock,
  rmsNorm,
  stochasticDepth,
  stochasticDepthRate,
  swiGlu,
} from "./layers.js";
export {
  type LossName,
  losses,
  type SmoothingKind,
  sigmoidCrossEntropy,
  smoothingKinds,
  smoothTargets,
  softmaxCrossEntropy,
  targetsOf,
} from "./losses.js";
export { learned2d, relativeScores, sincos2d, sincos2dTensor } from "./positions.js";
export { type RotaryEmbedding, rotaryTables, rotate } from "./rotary.js";
export { type ComputeType, initialValue, type Parameter, Scope, type ScopeOptions } from "./scope.js";
