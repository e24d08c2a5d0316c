// Layers and what they are made of.
export { multiHeadAttention } from "./attention.js";
export { type NonLocalOptions, nonLocalBlock, squeezeExcitation } from "./channel-attention.js";
export * from "./convolution.js";
export * from "./initializers.js";
export { dense, dropout, layerNorm, mlpBlock, stochasticDepth, stochasticDepthRate } from "./layers.js";
export { learned2d, relativeScores, sincos2d, sincos2dTensor } from "./positions.js";
export { type ComputeType, initialValue, type Parameter, Scope, type ScopeOptions } from "./scope.js";
