/**
 * Convolutions with batch norm (Ioffe & Szegedy, 2015, arXiv:1502.03167), plain or depthwise.
 *
 * Training steps normalise by the mean and variance of the batch and update running statistics. Otherwise the norm has the running
 * statistics, and scale and shift become part of the convolution's kernel and bias: in inference it costs nothing.
 */
import {
  add,
  batchNorm,
  cast,
  convolution2d,
  type DType,
  depthwiseConvolution2d,
  elementCount,
  multiply,
  reciprocal,
  reshape,
  scale,
  sqrt,
  subtract,
  type Tensor,
} from "../graph/index.js";
import { type ConvolutionLayerOptions, convolutionWindow } from "./convolution.js";
import { normal, ones, zeros } from "./initializers.js";
import type { Scope } from "./scope.js";

export interface BatchNormOptions {
  /** Added to the variance. */
  readonly epsilon: number;
  /** Weight of the running statistics in their next value, in the range [0, 1); that of the batch is 1 - momentum. */
  readonly momentum: number;
}

/** Whether a stored tensor is a running statistic, by its name. */
export const isStatisticName = (name: string): boolean => /\/norm\/(mean|variance)$/.test(name);

export interface BatchNormConvolutionOptions extends Omit<ConvolutionLayerOptions, "channels">, BatchNormOptions {
  /** Number of output channels, or "depthwise": a kernel for each channel. */
  readonly channels: number | "depthwise";
}

/**
 * Convolves images [N, C, H, W] and normalises the result, without an activation; returns [N, channels, H', W']. Parameters: `kernel` [channels, C, h, w]
 * ([C, 1, h, w] if depthwise; initially normal with variance 2 / fan-out), `norm/scale` and `norm/bias`; running statistics: `norm/mean` and
 * `norm/variance` (unbiased, as in PyTorch). Throws ShapeError.
 */
export function batchNormConvolution<D extends DType>(
  scope: Scope,
  x: Tensor<D>,
  options: BatchNormConvolutionOptions,
): Tensor<D> {
  const { epsilon, momentum } = options;
  const isDepthwise = options.channels === "depthwise";
  const channels = options.channels === "depthwise" ? x.shape[1]! : options.channels;
  const { kernel: sides, window } = convolutionWindow(scope, x, options);
  const fanOut = elementCount(sides) * (isDepthwise ? 1 : channels);
  const initializer = options.kernelInitializer ?? normal(Math.sqrt(2 / fanOut));
  const kernel = scope.parameter("kernel", [channels, isDepthwise ? 1 : x.shape[1]!, ...sides], initializer);
  const norm = scope.at("norm");
  const factor = norm.parameter("scale", [channels], ones);
  const bias = norm.parameter("bias", [channels], zeros);
  const mean = norm.statistic("mean", [channels], zeros);
  const variance = norm.statistic("variance", [channels], ones);
  const convolved = (weights: Tensor): Tensor<D> =>
    (isDepthwise ? depthwiseConvolution2d : convolution2d)(x, cast(weights, x.dtype), window);
  if (!scope.usesBatchStatistics) {
    const slope = multiply(factor, reciprocal(sqrt(add(variance, epsilon))));
    const y = convolved(multiply(kernel, reshape(slope, [channels, 1, 1, 1])));
    const shift = reshape(subtract(bias, multiply(mean, slope)), [1, channels, 1, 1]);
    return add(y, cast(shift, x.dtype));
  }
  const batch = batchNorm(convolved(kernel), factor, bias, epsilon);
  const count = elementCount(batch.y.shape) / channels;
  const unbiased = scale(batch.variance, count / Math.max(count - 1, 1));
  for (const [name, value] of Object.entries({ mean: batch.mean, variance: unbiased })) {
    norm.update(name, (current) => add(current, scale(subtract(value, current), 1 - momentum)));
  }
  return batch.y;
}
