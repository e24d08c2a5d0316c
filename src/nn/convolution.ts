/**
 * Convolutions on NCHW images, weight-standardised or plain, their norm, and TensorFlow's SAME padding.
 *
 * Kernels are stored as OIHW, [channels out, channels in, height, width]. An output channel is then one row, which both weight
 * standardisation and the convolution operate on. Published HWIO kernels are transposed when they are loaded.
 */
import {
  add,
  type ConvolutionOptions,
  cast,
  convolution2d,
  type DType,
  describe,
  elementCount,
  groupNorm,
  reshape,
  resizeBilinear,
  ShapeError,
  type Tensor,
  transpose,
  type WeightStandardisation,
  weightStandardise,
} from "../graph/index.js";
import { type Initializer, lecunNormal, ones, zeros } from "./initializers.js";
import type { Scope } from "./scope.js";

export interface ConvolutionLayerOptions {
  /** Number of output channels. */
  readonly channels: number;
  /** Kernel size, [height, width] or one for both. */
  readonly kernel: number | readonly [number, number];
  readonly stride?: number | readonly [number, number];
  /** Zero padding, [top, left, bottom, right] or one for all; "same" pads like TensorFlow. Default: 0. */
  readonly padding?: ConvolutionOptions["padding"] | "same";
  /** Default: truncated normal with variance 1 / fan-in, as in flax (papers.md 1.3), BiT and the hybrids. */
  readonly kernelInitializer?: Initializer;
}

/** Transposes NHWC images to NCHW, the layout of convolutions. Throws ShapeError. */
export function toNCHW<D extends DType>(image: Tensor<D>): Tensor<D> {
  if (image.shape.length !== 4) throw new ShapeError(`toNCHW: images ${describe(image)} must be [N, H, W, C]`);
  return transpose(image, [0, 3, 1, 2]);
}

/** Resizes NHWC images bilinearly, without antialiasing. Throws ShapeError. */
export function resizeNHWC<D extends DType>(image: Tensor<D>, height: number, width: number): Tensor<D> {
  return transpose(resizeBilinear(toNCHW(image), height, width), [0, 2, 3, 1]);
}

/**
 * Zero padding before and after a side of `size` pixels for TensorFlow's SAME, so that windows of `kernel` at `stride` give
 * ceil(size / stride) outputs. An odd total pads more after (an even size at stride 2: kernel 7 gives [2, 3], kernel 3 gives [0, 1];
 * papers.md 3.1).
 */
export function samePadding(size: number, kernel: number, stride: number): [before: number, after: number] {
  const total = Math.max((Math.ceil(size / stride) - 1) * stride + kernel - size, 0);
  const before = Math.floor(total / 2);
  return [before, total - before];
}

const pair = (value: number | readonly [number, number]): readonly [number, number] =>
  typeof value === "number" ? [value, value] : value;

/** The sides of the kernel, and the window with its padding in numbers. Throws ShapeError if the images do not have four axes. */
export function convolutionWindow(
  scope: Scope,
  x: Tensor,
  options: Omit<ConvolutionLayerOptions, "channels">,
): { kernel: readonly [number, number]; window: ConvolutionOptions } {
  if (x.shape.length !== 4) throw new ShapeError(`convolution: images ${describe(x)} must be [N, C, H, W]`);
  const { stride = 1, padding = 0 } = options;
  const kernel = pair(options.kernel);
  const fixedKernel = scope.fixedWeights;
  if (padding !== "same") return { kernel, window: { stride, padding, fixedKernel } };
  const [vertical, horizontal] = pair(stride);
  const [top, bottom] = samePadding(x.shape[2]!, kernel[0], vertical);
  const [left, right] = samePadding(x.shape[3]!, kernel[1], horizontal);
  return { kernel, window: { stride, padding: [top, left, bottom, right], fixedKernel } };
}

function kernelOf(
  scope: Scope,
  x: Tensor,
  [height, width]: readonly [number, number],
  options: ConvolutionLayerOptions,
) {
  const shape = [options.channels, x.shape[1]!, height, width];
  const initializer = options.kernelInitializer ?? lecunNormal(elementCount(shape.slice(1)));
  return scope.parameter("kernel", shape, initializer);
}

/**
 * Convolution of [N, C, H, W] with `kernel` [channels, C, h, w], each output channel of which is first standardised to mean 0 and deviation 1
 * over (C, h, w); no bias. `form`: "bit" divides by sqrt(variance + 1e-10) (papers.md 2.1), "flax" by deviation + 1e-5 (papers.md 3.1),
 * "none" does not standardise. Throws ShapeError.
 */
export function standardisedConvolution<D extends DType>(
  scope: Scope,
  x: Tensor<D>,
  options: ConvolutionLayerOptions & { readonly form: WeightStandardisation | "none" },
): Tensor<D> {
  const { kernel: sides, window } = convolutionWindow(scope, x, options);
  const kernel = kernelOf(scope, x, sides, options);
  const standardised = options.form === "none" ? kernel : weightStandardise(kernel, options.form);
  return convolution2d(x, cast(standardised, x.dtype), window);
}

/** Convolution of [N, C, H, W] with `kernel` [channels, C, h, w] and optional `bias` [channels]. Throws ShapeError. */
export function convolution<D extends DType>(
  scope: Scope,
  x: Tensor<D>,
  options: ConvolutionLayerOptions & { readonly bias?: boolean; readonly biasInitializer?: Initializer },
): Tensor<D> {
  const { kernel, window } = convolutionWindow(scope, x, options);
  const y = convolution2d(x, cast(kernelOf(scope, x, kernel, options), x.dtype), window);
  if (!options.bias) return y;
  const bias = scope.parameter("bias", [options.channels], options.biasInitializer ?? zeros);
  return add(y, reshape(cast(bias, x.dtype), [1, options.channels, 1, 1]));
}

export interface GroupNormOptions {
  readonly groups: number;
  readonly epsilon: number;
  readonly scaleInitializer?: Initializer;
}

/** Group norm of [N, C, ...] with `scale` [C] (initially ones by default) and `bias` [C] (initially zeros). Throws ShapeError. */
export function groupNormLayer<D extends DType>(scope: Scope, x: Tensor<D>, options: GroupNormOptions): Tensor<D> {
  const channels = x.shape[1]!;
  return groupNorm(
    x,
    scope.parameter("scale", [channels], options.scaleInitializer ?? ones),
    scope.parameter("bias", [channels], zeros),
    options.groups,
    options.epsilon,
  );
}
