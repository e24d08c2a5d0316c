/** Exports every operation that models use. */

export { type GeluForm, gelu, logSoftmax, softmax } from "./activation.js";
export { scaledDotProductAttention } from "./attention.js";
export { after } from "./control.js";
export { type ConvolutionOptions, convolution2d, outputSides, resolveWindow, type Window } from "./convolution.js";
export {
  absolute,
  add,
  addAll,
  and,
  bitwiseXor,
  cast,
  divide,
  equal,
  erf,
  exp,
  greater,
  less,
  log,
  maximum,
  minimum,
  multiply,
  negate,
  power,
  reciprocal,
  relu,
  sigmoid,
  softplus,
  sqrt,
  stopGradient,
  subtract,
  sumTo,
  tanh,
  where,
} from "./elementwise.js";
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
  gatherRows,
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
