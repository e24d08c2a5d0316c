/** Exports every operation that models use. */

export { type GeluForm, gelu, hardSigmoid, hardSwish, logSoftmax, softmax } from "./activation.js";
export { scaledDotProductAttention } from "./attention.js";
export { type BatchNorm, batchNorm } from "./batch-norm.js";
export { after } from "./control.js";
export { convolution2d } from "./convolution.js";
export { convolutionTranspose2d, type TransposedConvolutionOptions } from "./convolution-transpose.js";
export { cumsum } from "./cumulative.js";
export { depthwiseConvolution2d } from "./depthwise-convolution.js";
export { einsum } from "./einsum.js";
export {
  absolute,
  add,
  addAll,
  and,
  bitwiseXor,
  cast,
  clamp,
  cos,
  divide,
  equal,
  erf,
  exp,
  floor,
  greater,
  less,
  log,
  maximum,
  minimum,
  multiply,
  negate,
  not,
  or,
  power,
  reciprocal,
  relu,
  round,
  sigmoid,
  sign,
  sin,
  softplus,
  sqrt,
  stopGradient,
  subtract,
  sumTo,
  tanh,
  where,
} from "./elementwise.js";
export { argMax, gather, gatherRows, type ScatterReduction, scatter, topK } from "./index-along.js";
export { constant, input, inputName, scalar } from "./leaf.js";
export { emitProduct, gemm, linear, matmul, type ProductOptions } from "./matmul.js";
export { groupNorm, layerNorm, standardise, type WeightStandardisation, weightStandardise } from "./normalisation.js";
export { averagePool2d, maxPool2d, type PoolOptions } from "./pooling.js";
export { bernoulli, randomUniform } from "./random.js";
export { reduceMax, reduceMean, reduceMin, reduceSum } from "./reduce.js";
export { bilinearWeights, type ResizeConvention, resizeBilinear } from "./resize.js";
export { fourRotations } from "./rotation.js";
export { scalarBeside, scale, unscale } from "./scale.js";
export { oneHot } from "./select.js";
export {
  concat,
  expand,
  interleaveZeros,
  pad,
  reshape,
  reverse,
  slice,
  sliceAxis,
  split,
  transpose,
  zerosOf,
} from "./shape.js";
export { type ConvolutionOptions, outputSides, resolveWindow, type Window } from "./window.js";
