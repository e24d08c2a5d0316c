/**
 * The ResNet of Big Transfer (Kolesnikov et al., 2020): pre-activation, group norm, standardised weights; and, as version 1,
 * the post-activation ResNet with the same norms (resnet-v1.ts) under a head. Facts: papers.md 2.1, 3.1, 10.10.
 */
import {
  add,
  concat,
  describe,
  maxPool2d,
  reduceMean,
  relu,
  rematerialise,
  ShapeError,
  type Tensor,
  type WeightStandardisation,
} from "../graph/index.js";
import {
  dropout,
  groupNormLayer,
  nonLocalBlock,
  type Scope,
  squeezeExcitation,
  standardisedConvolution,
  stochasticDepth,
  stochasticDepthRate,
  toNCHW,
} from "../nn/index.js";
import { classifierHead } from "./head.js";
import { resnetV1Stages } from "./resnet-v1.js";

/** Attention sprinkled into a ResNet (papers.md 10.10); `stages` are counted from 1, all when left out. */
export type ResNetAttention =
  | {
      /** A gate on the channels of every unit's branch, before it is added. */
      readonly kind: "squeezeExcitation";
      readonly stages?: readonly number[];
      /** Channels over the channels in the middle of the gate; 16 when left out. */
      readonly reduction?: number;
    }
  | {
      /** A non-local block after units. In the paper: stages 2 and 3, every second unit, width half of the channels. */
      readonly kind: "nonLocal";
      readonly stages?: readonly number[];
      /** After each so many units of a stage; 2 when left out. */
      readonly every?: number;
      /** Channels of queries, keys and values over those of the image; 0.5 when left out. */
      readonly widthRatio?: number;
      readonly subsample?: boolean;
    };

export interface ResNetConfig {
  /** 2: norm and ReLU before each convolution (BiT). 1: after each (hybrids, "better baselines"). */
  readonly version: 1 | 2;
  /** Units in each stage; 50 layers are 3, 4, 6, 3. */
  readonly blocks: readonly number[];
  /** The root has 64 times this many channels; a unit of stage i (from 0) gives 256 times this times 2^i. */
  readonly widthFactor: number;
  /** Classes of the head; 0 leaves the head away. */
  readonly classes: number;
  readonly groups: number;
  readonly groupNormEpsilon: number;
  readonly weightStandardisation: WeightStandardisation | "none";
  /**
   * What surrounds the image that the root pools: zeros (the released models) or nothing (big_vision). The pool of version
   * 2 follows no ReLU, so that zeros can win; with version 1 the two are the same.
   */
  readonly rootPoolPadding: "zeros" | "none";
  readonly attention: ResNetAttention | undefined;
  /**
   * Stages before the last, counted from 1 and rising, whose activations are averaged over positions and put behind the last
   * stage's in the representation; none when left out. What images have in common is often plain earlier than in the last stage
   * (Evci et al., "Head2Toe", 2022, arXiv:2201.03529).
   */
  readonly pooledStages?: readonly number[] | undefined;
  /** On the representation, before the head. */
  readonly dropout: number;
  /** Drop probability of the last unit's branch; it rises linearly from 0 at the first. */
  readonly stochasticDepth: number;
  /** Divide kept branches by their probability (timm) or not (big_vision). */
  readonly stochasticDepthRescale: boolean;
  readonly headBiasInit: number;
  /** Compute each unit again in the backward pass instead of keeping its intermediates. */
  readonly rematerialise: boolean;
}

/** BiT's own settings (papers.md 2.1). */
export const resnetDefaults = {
  version: 2,
  widthFactor: 1,
  classes: 1000,
  groups: 32,
  groupNormEpsilon: 1e-5,
  weightStandardisation: "bit",
  rootPoolPadding: "zeros",
  attention: undefined,
  dropout: 0,
  stochasticDepth: 0,
  stochasticDepthRescale: true,
  headBiasInit: 0,
  rematerialise: false,
} as const satisfies Partial<ResNetConfig>;

export interface ResNetOutput {
  /**
   * The representation: the mean over positions [N, 2048 widthFactor] (of four stages), and behind it those of `pooledStages`,
   * 256 widthFactor 2^(i - 1) numbers of stage i.
   */
  readonly preLogits: Tensor;
  /** [N, classes]; undefined without a head. */
  readonly logits: Tensor | undefined;
  /** The last stage's part of what is averaged into the representation, [N, C, h, w]. */
  readonly features: Tensor;
  /**
   * Every intermediate by name, images as [N, C, h, w]:
   * - `root`; `block{i}/unit{j}/output` of every unit, `block{i}/output` of every stage, i and j from 1;
   * - `features` (version 2: after the last norm and ReLU), `preLogits`, `logits`;
   * - with squeeze-and-excitation `block{i}/unit{j}/se/gate` [N, C]; with non-local blocks
   *   `block{i}/unit{j}/nonLocal/attentionWeights` [N, h w, positions of the keys].
   */
  readonly intermediates: Readonly<Record<string, Tensor>>;
}

interface Place {
  /** Both counted from 0. */
  readonly stage: number;
  readonly unit: number;
}

/**
 * The logits and intermediates of images [N, H, W, C] of any size, scaled to [-1, 1]. Parameters: `conv_root/kernel`,
 * `block{i}/unit{j}/{conv1,conv2,conv3,conv_proj}/kernel` and `.../{gn1,gn2,gn3}/{scale,bias}`, `norm/{scale,bias}`,
 * `head/{kernel,bias}`; version 1 has `gn_root` and `gn_proj` and no `norm`. Throws ShapeError when the images are none or
 * the groups do not divide the channels, RangeError when `pooledStages` names what is no stage before the last.
 */
export function resnet(scope: Scope, image: Tensor, config: ResNetConfig): ResNetOutput {
  if (image.shape.length !== 4) throw new ShapeError(`resnet: images ${describe(image)} must be [N, H, W, C]`);
  const units = config.blocks.reduce((total, count) => total + count, 0);
  const before = (stage: number) => config.blocks.slice(0, stage).reduce((total, count) => total + count, 0);
  // What happens to the branch of a unit before it is added.
  const branch = (inner: Scope, y: Tensor, { stage, unit }: Place): Tensor => {
    const drop = stochasticDepthRate(config.stochasticDepth, before(stage) + unit, units);
    return stochasticDepth(inner, gated(inner, y, stage, config), drop, config.stochasticDepthRescale);
  };
  const ends: Tensor[] = [];
  // What happens to the output of a unit.
  const after = (inner: Scope, x: Tensor, place: Place): Tensor => {
    const y = withNonLocal(inner, x, place, config);
    if (place.unit === config.blocks[place.stage]! - 1) {
      ends.push(scope.at(`block${place.stage + 1}`).name("output", y));
    }
    return y;
  };
  const stages = config.version === 1 ? resnetV1Stages : stagesV2;
  const options = { ...config, epsilon: config.groupNormEpsilon, form: config.weightStandardisation, branch, after };
  const features = scope.name("features", stages(scope, toNCHW(image), options));
  const pooled = [
    features,
    ...pooledStages(config).map((stage) => activation(scope, ends[stage - 1]!, stage, options)),
  ];
  const means = pooled.map((one) => reduceMean(one, [2, 3]));
  const preLogits = scope.name("preLogits", means.length === 1 ? means[0]! : concat(means, 1));
  const logits = classifierHead(scope, dropout(scope, preLogits, config.dropout), config);
  return { preLogits, logits, features, intermediates: scope.intermediates };
}

/** Numbers in the representation. */
export function resnetWidth(config: ResNetConfig): number {
  const channels = (stage: number) => 4 * Math.floor(64 * config.widthFactor) * 2 ** (stage - 1);
  return [config.blocks.length, ...pooledStages(config)].reduce((total, stage) => total + channels(stage), 0);
}

/** `pooledStages`, none when left out. Throws RangeError as `resnet` says. */
function pooledStages({ pooledStages: stages = [], blocks }: ResNetConfig): readonly number[] {
  const isRising = stages.every((stage, i) => Number.isInteger(stage) && stage > (stages[i - 1] ?? 0));
  if (isRising && (stages.at(-1) ?? 0) < blocks.length) return stages;
  throw new RangeError(
    `pooledStages [${stages.join(", ")}] must be rising numbers from 1 to ${blocks.length - 1}: the last of ${blocks.length} stages is always pooled`,
  );
}

/** The activations at the end of a stage, as what follows sees them: in version 2 after the next unit's first norm and ReLU. */
function activation(
  scope: Scope,
  end: Tensor,
  stage: number,
  options: { readonly groups: number; readonly epsilon: number } & { readonly version: ResNetConfig["version"] },
): Tensor {
  if (options.version === 1) return end;
  return relu(groupNormLayer(scope.at(`block${stage + 1}/unit1/gn1`), end, options));
}

interface StageOptions {
  readonly blocks: readonly number[];
  readonly widthFactor: number;
  readonly groups: number;
  readonly epsilon: number;
  readonly form: WeightStandardisation | "none";
  readonly rootPoolPadding: "zeros" | "none";
  readonly rematerialise: boolean;
  readonly branch: (scope: Scope, y: Tensor, place: Place) => Tensor;
  readonly after: (scope: Scope, x: Tensor, place: Place) => Tensor;
}

/** Root, stages, last norm and ReLU of version 2: images [N, C, H, W] to features [N, C', h, w]. */
function stagesV2(scope: Scope, image: Tensor, options: StageOptions): Tensor {
  const width = Math.floor(64 * options.widthFactor);
  const convolved = standardisedConvolution(scope.at("conv_root"), image, {
    channels: width,
    kernel: 7,
    stride: 2,
    padding: 3,
    form: options.form,
  });
  const pooled =
    options.rootPoolPadding === "zeros"
      ? maxPool2d(convolved, 3, { stride: 2, padding: 1, includePadding: true })
      : maxPool2d(convolved, 3, { stride: 2, padding: 1 });
  let x = scope.name("root", pooled);
  options.blocks.forEach((units, stage) => {
    for (let unit = 0; unit < units; unit++) {
      const inner = scope.at(`block${stage + 1}`).at(`unit${unit + 1}`);
      const from = x;
      const body = () => {
        const y = bottleneckV2(inner, from, width * 2 ** stage, { stage, unit }, options);
        return options.after(inner, y, { stage, unit });
      };
      x = inner.name("output", options.rematerialise ? rematerialise(body) : body());
    }
  });
  return relu(groupNormLayer(scope.at("norm"), x, options));
}

/**
 * shortcut + branch: with a = relu(gn1(x)) the shortcut is x, or a 1x1 convolution of a where the shape changes; the branch
 * is 1x1, 3x3 (with the stride) and 1x1 convolutions of a, a norm and a ReLU before the second and the third.
 */
function bottleneckV2(scope: Scope, x: Tensor, channels: number, place: Place, options: StageOptions): Tensor {
  const { form, branch } = options;
  const stride = place.stage > 0 && place.unit === 0 ? 2 : 1;
  const convolved = (name: string, from: Tensor, count: number, kernel: number, by: number) =>
    standardisedConvolution(scope.at(name), from, {
      channels: count,
      kernel,
      stride: by,
      padding: (kernel - 1) / 2,
      form,
    });
  const active = (name: string, from: Tensor) => relu(groupNormLayer(scope.at(name), from, options));
  const wide = 4 * channels;
  const a = active("gn1", x);
  const shortcut = x.shape[1] !== wide || stride !== 1 ? convolved("conv_proj", a, wide, 1, stride) : x;
  let y = active("gn2", convolved("conv1", a, channels, 1, 1));
  y = active("gn3", convolved("conv2", y, channels, 3, stride));
  return add(shortcut, branch(scope, convolved("conv3", y, wide, 1, 1), place));
}

const holds = (attention: ResNetAttention, stage: number): boolean => attention.stages?.includes(stage + 1) ?? true;

function gated(scope: Scope, y: Tensor, stage: number, { attention }: ResNetConfig): Tensor {
  if (attention?.kind !== "squeezeExcitation" || !holds(attention, stage)) return y;
  return squeezeExcitation(scope.at("se"), y, attention.reduction);
}

function withNonLocal(scope: Scope, x: Tensor, { stage, unit }: Place, config: ResNetConfig): Tensor {
  const { attention, groups, groupNormEpsilon: epsilon } = config;
  if (attention?.kind !== "nonLocal" || !holds(attention, stage)) return x;
  const { every = 2, widthRatio = 0.5, subsample = false } = attention;
  if ((unit + 1) % every !== 0) return x;
  const width = Math.max(1, Math.floor(x.shape[1]! * widthRatio));
  return nonLocalBlock(scope.at("nonLocal"), x, { width, subsample, groups, epsilon });
}
