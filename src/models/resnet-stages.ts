/**
 * Stages of residual units shared by both ResNet versions, with optional parts of a unit besides its convolutions, and the stages of version 1, which are
 * also the stem of hybrids.
 */
import { add, maxPool2d, relu, type Tensor, type WeightStandardisation } from "../graph/index.js";
import {
  groupNormLayer,
  nonLocalBlock,
  type Scope,
  samePadding,
  squeezeExcitation,
  standardisedConvolution,
  stochasticDepth,
  stochasticDepthRate,
  zeros,
} from "../nn/index.js";

/** Attention in a ResNet (papers.md 10.10); `stages` are numbered from 1. Default: all. */
export type ResNetAttention =
  | {
      /** Gates the channels of every unit's branch before the addition. */
      readonly kind: "squeezeExcitation";
      readonly stages?: readonly number[];
      /** Ratio of the channels to the hidden channels of the gate. Default: 16. */
      readonly reduction?: number;
    }
  | {
      /** Inserts non-local blocks after units. In the paper: stages 2 and 3, every second unit, width half of the channels. */
      readonly kind: "nonLocal";
      readonly stages?: readonly number[];
      /** The block follows every `every`-th unit of a stage. Default: 2. */
      readonly every?: number;
      /** Ratio of the channels of queries, keys and values to those of the image. Default: 0.5. */
      readonly widthRatio?: number;
      readonly subsample?: boolean;
    };

/** Stage and unit indices, both from 0. */
export interface Place {
  readonly stage: number;
  readonly unit: number;
}

/** Optional parts of a unit besides its convolutions. Default: none. */
export interface UnitExtras {
  readonly attention?: ResNetAttention | undefined;
  /** Drop probability of the last unit's branch; it rises linearly from 0 at the first unit. */
  readonly stochasticDepth?: number;
  readonly stochasticDepthRescale?: boolean;
}

export interface StageOptions extends UnitExtras {
  /** Number of units in each stage. */
  readonly blocks: readonly number[];
  /** Recompute each unit in the backward pass instead of keeping its intermediates. */
  readonly rematerialise?: boolean;
}

/** Settings of the norm of a non-local block. */
interface NormOptions {
  readonly groups: number;
  readonly epsilon: number;
}

/** Applies stages of units in scopes `block{i}/unit{j}`, numbered from 1; returns the output of every stage, [N, C, h, w]. */
export function residualStages(
  scope: Scope,
  image: Tensor,
  options: StageOptions,
  unitOf: (scope: Scope, x: Tensor, place: Place) => Tensor,
): Tensor[] {
  let x = image;
  return options.blocks.map((units, stage) => {
    for (let unit = 0; unit < units; unit++) {
      x = scope
        .at(`block${stage + 1}`)
        .block(`unit${unit + 1}`, x, options.rematerialise ?? false, (inner, x) => unitOf(inner, x, { stage, unit }));
    }
    return x;
  });
}

/** Branch of a unit before it is added to the shortcut, with squeeze-and-excitation and stochastic depth. */
export function residualBranch(scope: Scope, y: Tensor, { stage, unit }: Place, options: StageOptions): Tensor {
  const { blocks, attention, stochasticDepth: last = 0, stochasticDepthRescale = true } = options;
  const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);
  const drop = stochasticDepthRate(last, sum(blocks.slice(0, stage)) + unit, sum(blocks));
  const isGated = attention?.kind === "squeezeExcitation" && appliesTo(attention, stage);
  const gated = isGated ? squeezeExcitation(scope.at("se"), y, attention.reduction) : y;
  return stochasticDepth(scope, gated, drop, stochasticDepthRescale);
}

/** Applies a non-local block to the output of a unit, if `attention` places one there. */
export function withNonLocal(
  scope: Scope,
  x: Tensor,
  { stage, unit }: Place,
  { attention, groups, epsilon }: UnitExtras & NormOptions,
): Tensor {
  if (attention?.kind !== "nonLocal" || !appliesTo(attention, stage)) return x;
  const { every = 2, widthRatio = 0.5, subsample = false } = attention;
  if ((unit + 1) % every !== 0) return x;
  const width = Math.max(1, Math.floor(x.shape[1]! * widthRatio));
  return nonLocalBlock(scope.at("nonLocal"), x, { width, subsample, groups, epsilon });
}

const appliesTo = (attention: ResNetAttention, stage: number): boolean => attention.stages?.includes(stage + 1) ?? true;

/** Settings of the reference: flax's epsilon, and the standardisation that adds 1e-5 to the deviation (papers.md 3.1). */
const reference = { epsilon: 1e-6, form: "flax" } as const;

export interface ResNetV1Options extends StageOptions {
  /** The root has 64 times this many channels; the 3x3 convolutions of stage i (from 0) have 2^i times the channels of the root. */
  readonly widthFactor: number;
  /** Number of groups of the group norms. */
  readonly groups: number;
  /** Epsilon of the group norms. Default: 1e-6. */
  readonly epsilon?: number;
  /** Standardisation of the kernels. Default: "flax". */
  readonly form?: WeightStandardisation | "none";
}

/**
 * Applies root and stages to images [N, C, H, W]: a 7x7 convolution with stride 2, norm, ReLU, 3x3 max pooling with stride 2, then the
 * stages, each except the first with stride 2. Padding is TensorFlow's SAME (the padding of the pooling is never the maximum). Returns the
 * output of the root, then of every stage, [N, C', h, w]. Parameters: `conv_root`, `gn_root` and `block{i}/unit{j}/...`, numbered from 1.
 * Records `root` and the `output` of every unit. Throws ShapeError if the channels are not divisible by the groups.
 */
export function resnetV1Stages(scope: Scope, image: Tensor, options: ResNetV1Options): Tensor[] {
  const settings = { ...reference, ...options };
  const width = Math.floor(64 * options.widthFactor);
  const convolved = standardisedConvolution(scope.at("conv_root"), image, {
    channels: width,
    kernel: 7,
    stride: 2,
    padding: "same",
    form: settings.form,
  });
  const active = relu(groupNormLayer(scope.at("gn_root"), convolved, settings));
  const [top, bottom] = samePadding(active.shape[2]!, 3, 2);
  const [left, right] = samePadding(active.shape[3]!, 3, 2);
  const root = scope.name("root", maxPool2d(active, 3, { stride: 2, padding: [top, left, bottom, right] }));
  const stages = residualStages(scope, root, options, (unit, x, place) =>
    withNonLocal(unit, bottleneckV1(unit, x, width * 2 ** place.stage, place, settings), place, settings),
  );
  return [root, ...stages];
}

/**
 * relu(shortcut(x) + branch(x)) of [N, C, H, W]. The branch has 1x1, 3x3 (with the stride) and 1x1 convolutions, each with a norm, and four
 * times `channels` outputs. The shortcut is a 1x1 convolution with a norm if the shape changes. The last norm's scale is initialised to zero,
 * so that the unit starts as its shortcut. Parameters: `conv1..3/kernel`, `gn1..3/{scale,bias}`, `conv_proj`, `gn_proj`.
 */
function bottleneckV1(
  scope: Scope,
  x: Tensor,
  channels: number,
  place: Place,
  options: ResNetV1Options & Required<Pick<ResNetV1Options, "epsilon" | "form">>,
): Tensor {
  const { groups, epsilon, form } = options;
  const stride = place.stage > 0 && place.unit === 0 ? 2 : 1;
  const convolved = (name: string, from: Tensor, count: number, kernel: number, by: number) =>
    standardisedConvolution(scope.at(name), from, {
      channels: count,
      kernel,
      stride: by,
      padding: "same",
      form,
    });
  const normed = (name: string, from: Tensor, start = {}) =>
    groupNormLayer(scope.at(name), from, { groups, epsilon, ...start });
  const wide = 4 * channels;
  let shortcut = x;
  if (x.shape[1] !== wide || stride !== 1) {
    shortcut = normed("gn_proj", convolved("conv_proj", x, wide, 1, stride));
  }
  let y = relu(normed("gn1", convolved("conv1", x, channels, 1, 1)));
  y = relu(normed("gn2", convolved("conv2", y, channels, 3, stride)));
  y = normed("gn3", convolved("conv3", y, wide, 1, 1), { scaleInitializer: zeros });
  return relu(add(shortcut, residualBranch(scope, y, place, options)));
}
