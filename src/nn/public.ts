/** What `fovea/nn` exports: scopes and their parameters, layers, initialisers and losses. */
export { multiHeadAttention } from "./attention.js";
export { squeezeExcitation } from "./channel-attention.js";
export {
  convolution,
  groupNormLayer,
  standardisedConvolution,
  toNCHW,
} from "./convolution.js";
export { type Initializer, lecunNormal, normal, ones, truncatedNormal, xavierUniform, zeros } from "./initializers.js";
export { dense, dropout, layerNorm, mlpBlock, stochasticDepth } from "./layers.js";
export { losses, smoothTargets, targetsOf } from "./losses.js";
export { learned2d, sincos2dTensor } from "./positions.js";
export { initialValue, type Parameter, Scope } from "./scope.js";
