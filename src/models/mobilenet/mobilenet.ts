/**
 * MobileNetV2 (Sandler et al., 2018, arXiv:1801.04381) and MobileNetV3 (Howard et al., 2019, arXiv:1905.02244): inverted residuals with depthwise
 * convolutions and batch norm. Facts: papers.md 15.
 */
import {
  add,
  clamp,
  describe,
  hardSigmoid,
  hardSwish,
  reduceMean,
  relu,
  ShapeError,
  type Tensor,
} from "../../graph/index.js";
import {
  batchNormConvolution,
  classifierHead,
  dense,
  dropout,
  type Scope,
  squeezeExcitation,
  stochasticDepth,
  stochasticDepthRate,
  toNCHW,
} from "../../nn/index.js";
import { type Activation, type InvertedResidual, mobilenetShapes, scaledChannels } from "./shapes.js";

export interface MobileNetConfig {
  readonly architecture: keyof typeof mobilenetShapes;
  /** Factor of the number of channels, which are rounded to multiples of 8. */
  readonly widthFactor: number;
  /** Number of classes of the head; 0 removes the head. */
  readonly classes: number;
  /** Replaces every activation of the published network; "relu" trains faster than "relu6". Default: the published ones. */
  readonly activation?: Activation | undefined;
  /** Width of the features. Default: the published width, 1280 or (V3-small) 1024, times the width factor if it is above 1. */
  readonly featureWidth?: number | undefined;
  /** "same" pads as TensorFlow and the published networks, "symmetric" as PyTorch's versions of them. They differ where the stride is 2. */
  readonly padding: "same" | "symmetric";
  readonly batchNormEpsilon: number;
  /** Weight of the running statistics in their next value; that of the batch is 1 minus this. */
  readonly batchNormMomentum: number;
  /** Dropout rate on the features before the head. */
  readonly dropout: number;
  /** Drop probability of the last block's branch, where it has a shortcut; it rises linearly from 0 at the first block. */
  readonly stochasticDepth: number;
  /** Divide kept branches by their probability. */
  readonly stochasticDepthRescale: boolean;
  readonly headBiasInit: number;
  /** Recompute each block in the backward pass instead of keeping its intermediates. */
  readonly rematerialise: boolean;
}

/** The published settings (papers.md 15); the momentum is that of PyTorch, since short trainings need a faster one than the published 0.997. */
export const mobilenetDefaults = {
  architecture: "V2",
  widthFactor: 1,
  classes: 1000,
  activation: undefined,
  featureWidth: undefined,
  padding: "same",
  batchNormEpsilon: 1e-3,
  batchNormMomentum: 0.9,
  dropout: 0,
  stochasticDepth: 0,
  stochasticDepthRescale: true,
  headBiasInit: 0,
  rematerialise: false,
} as const satisfies MobileNetConfig;

export interface MobileNetOutput {
  /** Features [N, featureWidth]: the spatial mean, in version 3 after one more dense layer. */
  readonly preLogits: Tensor;
  /** [N, classes]; undefined without a head. */
  readonly logits: Tensor | undefined;
  /** Activations of the last convolution, whose spatial mean is taken, [N, C, h, w]. */
  readonly features: Tensor;
  /**
   * All intermediates by name, images as [N, C, h, w]:
   * - `stem`; `block{i}/output` of every block, i from 1, and inside of it `expanded` and `depthwise`, before the projection;
   * - with squeeze-and-excitation `block{i}/se/gate` [N, C];
   * - `features`, `preLogits`, `logits`.
   */
  readonly intermediates: Readonly<Record<string, Tensor>>;
}

/** Width of the features (pre-logits). */
export function mobilenetWidth({ architecture, widthFactor, featureWidth }: MobileNetConfig): number {
  const { featureWidth: published } = mobilenetShapes[architecture];
  return featureWidth ?? scaledChannels(published, Math.max(1, widthFactor));
}

/**
 * Applies the network to images [N, H, W, C] of any size, scaled to [-1, 1]. Parameters: `stem`, `block{i}/{expand,depthwise,project}` and
 * `last`, each with `kernel` and `norm/{scale,bias,mean,variance}`; `block{i}/se/{squeeze,excite}`, `hidden` (version 3) and `head`, each with
 * `kernel` and `bias`. Throws ShapeError if the images do not have four axes.
 */
export function mobilenet(scope: Scope, image: Tensor, config: MobileNetConfig): MobileNetOutput {
  if (image.shape.length !== 4) throw new ShapeError(`mobilenet: images ${describe(image)} must be [N, H, W, C]`);
  const { widthFactor } = config;
  const shape = mobilenetShapes[config.architecture];
  const convolved = convolutions(config);
  const active = (x: Tensor, published: Activation) => activations[config.activation ?? published](x);
  const stem = convolved(scope.at("stem"), toNCHW(image), scaledChannels(shape.stem, widthFactor), 3, 2);
  let x = scope.name("stem", active(stem, shape.activation));
  for (const [i, block] of shape.blocks.entries()) {
    const drop = stochasticDepthRate(config.stochasticDepth, i, shape.blocks.length);
    x = scope.block(`block${i + 1}`, x, config.rematerialise, (inner, x) =>
      invertedResidual(inner, x, block, config, drop),
    );
  }
  const width = mobilenetWidth(config);
  const lastChannels = shape.last === undefined ? width : scaledChannels(shape.last, widthFactor);
  const features = scope.name("features", active(convolved(scope.at("last"), x, lastChannels, 1, 1), shape.activation));
  const pooled = reduceMean(features, [2, 3]);
  const hidden = () => active(dense(scope.at("hidden"), pooled, width), shape.activation);
  const preLogits = scope.name("preLogits", shape.last === undefined ? pooled : hidden());
  const logits = classifierHead(scope, dropout(scope, preLogits, config.dropout), config);
  return { preLogits, logits, features, intermediates: scope.intermediates };
}

/**
 * Expands the channels of [N, C, H, W] by a 1x1 convolution, convolves each of them, optionally gates them, and projects them by another 1x1 convolution,
 * without an activation. The block's input is added where it has the shape of the output.
 */
function invertedResidual(
  scope: Scope,
  x: Tensor,
  block: InvertedResidual,
  config: MobileNetConfig,
  drop: number,
): Tensor {
  const convolved = convolutions(config);
  const active = activations[config.activation ?? block.activation];
  const expanded = scaledChannels(x.shape[1]! * block.expansion, 1);
  let y = x;
  if (block.expansion !== 1) y = scope.name("expanded", active(convolved(scope.at("expand"), y, expanded, 1, 1)));
  y = convolved(scope.at("depthwise"), y, "depthwise", block.kernel, block.stride);
  y = scope.name("depthwise", active(y));
  if (block.isGated)
    y = squeezeExcitation(scope.at("se"), y, { hidden: scaledChannels(expanded / 4, 1), gate: hardSigmoid });
  y = convolved(scope.at("project"), y, scaledChannels(block.channels, config.widthFactor), 1, 1);
  if (block.stride !== 1 || y.shape[1] !== x.shape[1]) return y;
  return add(x, stochasticDepth(scope, y, drop, config.stochasticDepthRescale));
}

const activations: Readonly<Record<Activation, (x: Tensor) => Tensor>> = {
  relu,
  relu6: (x) => clamp(x, 0, 6),
  hardSwish,
};

/** Convolutions with batch norm by the settings of a network. */
const convolutions =
  ({ padding, batchNormEpsilon: epsilon, batchNormMomentum: momentum }: MobileNetConfig) =>
  (scope: Scope, x: Tensor, channels: number | "depthwise", kernel: number, stride: number): Tensor =>
    batchNormConvolution(scope, x, {
      channels,
      kernel,
      stride,
      padding: padding === "same" ? "same" : (kernel - 1) / 2,
      epsilon,
      momentum,
    });
