/**
 * The ResNet of Big Transfer (Kolesnikov et al., 2020): pre-activation, group norm, standardised weights. Version 1 is the post-activation
 * ResNet with the same norms (resnet-stages.ts) and a head. Facts: papers.md 2.1, 3.1, 10.10.
 */
import {
  add,
  concat,
  describe,
  maxPool2d,
  reduceMean,
  relu,
  ShapeError,
  type Tensor,
  type WeightStandardisation,
} from "../graph/index.js";
import { classifierHead, dropout, groupNormLayer, type Scope, standardisedConvolution, toNCHW } from "../nn/index.js";
import {
  type Place,
  type ResNetAttention,
  residualBranch,
  residualStages,
  resnetV1Stages,
  type StageOptions,
  withNonLocal,
} from "./resnet-stages.js";
import { whitened } from "./whitening.js";

export interface ResNetConfig {
  /** 2: norm and ReLU before each convolution (BiT). 1: after each (hybrids, "better baselines"). */
  readonly version: 1 | 2;
  /** Number of units in each stage; 3, 4, 6, 3 for 50 layers. */
  readonly blocks: readonly number[];
  /** The root has 64 times this many channels; a unit of stage i (from 0) outputs 256 times this times 2^i. */
  readonly widthFactor: number;
  /** Number of classes of the head; 0 removes the head. */
  readonly classes: number;
  readonly groups: number;
  readonly groupNormEpsilon: number;
  readonly weightStandardisation: WeightStandardisation | "none";
  /**
   * Padding of the root's max pooling: zeros (the released models) or none (big_vision). In version 2 the pooling does not follow a ReLU, so
   * a zero can be the maximum; in version 1 both are the same.
   */
  readonly rootPoolPadding: "zeros" | "none";
  readonly attention: ResNetAttention | undefined;
  /**
   * Stages before the last, numbered from 1 in ascending order, whose spatially averaged activations are appended to the last stage's in the
   * features. Default: none. Low-level properties of images are often easier to separate in earlier stages than in the last one
   * (Evci et al., "Head2Toe", 2022, arXiv:2201.03529).
   */
  readonly pooledStages?: readonly number[] | undefined;
  /**
   * Whiten the means of each pooled stage in part, along this many directions (whitening.ts), which are fitted to images after training. Default:
   * no whitening.
   */
  readonly whitening?: number | undefined;
  /** Dropout rate on the features before the head. */
  readonly dropout: number;
  /** Drop probability of the last unit's branch; it rises linearly from 0 at the first unit. */
  readonly stochasticDepth: number;
  /** Divide kept branches by their probability (timm) or not (big_vision). */
  readonly stochasticDepthRescale: boolean;
  readonly headBiasInit: number;
  /** Recompute each unit in the backward pass instead of keeping its intermediates. */
  readonly rematerialise: boolean;
}

/** BiT's settings (papers.md 2.1). */
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
   * Features: the spatial mean [N, 2048 widthFactor] (of four stages), followed by those of `pooledStages`, 256 widthFactor 2^(i - 1) numbers
   * for stage i; with `whitening` each whitened.
   */
  readonly preLogits: Tensor;
  /** [N, classes]; undefined without a head. */
  readonly logits: Tensor | undefined;
  /** Activations of the last stage, whose spatial mean is part of the features, [N, C, h, w]. */
  readonly features: Tensor;
  /**
   * All intermediates by name, images as [N, C, h, w]:
   * - `root`; `block{i}/unit{j}/output` of every unit, `block{i}/output` of every stage, i and j from 1;
   * - `features` (version 2: after the last norm and ReLU), `preLogits`, `logits`;
   * - with `pooledStages`, `block{i}/pooled` of each of them: the activations that are averaged;
   * - with squeeze-and-excitation `block{i}/unit{j}/se/gate` [N, C]; with non-local blocks
   *   `block{i}/unit{j}/nonLocal/attentionWeights` [N, h w, positions of the keys].
   */
  readonly intermediates: Readonly<Record<string, Tensor>>;
}

/**
 * Applies the network to images [N, H, W, C] of any size, scaled to [-1, 1]. Parameters: `conv_root/kernel`,
 * `block{i}/unit{j}/{conv1,conv2,conv3,conv_proj}/kernel` and `.../{gn1,gn2,gn3}/{scale,bias}`, `norm/{scale,bias}`,
 * `head/{kernel,bias}`, with `whitening` also `whitening/block{i}/{mean,components,scales}`; version 1 has `gn_root` and `gn_proj` and
 * no `norm`. Throws ShapeError if the images do not have four axes or the channels are not divisible by the groups, and RangeError for an invalid `pooledStages`.
 */
export function resnet(scope: Scope, image: Tensor, config: ResNetConfig): ResNetOutput {
  if (image.shape.length !== 4) throw new ShapeError(`resnet: images ${describe(image)} must be [N, H, W, C]`);
  const options = { ...config, epsilon: config.groupNormEpsilon, form: config.weightStandardisation };
  const outputs = (config.version === 1 ? resnetV1Stages : resnetV2Stages)(scope, toNCHW(image), options);
  const last = config.blocks.length;
  for (let stage = 1; stage <= last; stage++) scope.at(`block${stage}`).name("output", outputs[stage]!);
  // Version 2 applies norm and ReLU before convolutions, so pooled activations still need them: the last stage has its own norm, an
  // earlier stage uses that of the next unit.
  const active = (stage: number): Tensor => {
    if (config.version === 1) return outputs[stage]!;
    const norm = stage === last ? "norm" : `block${stage + 1}/unit1/gn1`;
    return relu(groupNormLayer(scope.at(norm), outputs[stage]!, options));
  };
  const features = scope.name("features", active(last));
  const means = allPooledStages(config).map((stage) => {
    const pooled = stage === last ? features : scope.at(`block${stage}`).name("pooled", active(stage));
    const mean = reduceMean(pooled, [2, 3]);
    return config.whitening ? whitened(scope.at("whitening").at(`block${stage}`), mean, config.whitening) : mean;
  });
  const preLogits = scope.name("preLogits", means.length === 1 ? means[0]! : concat(means, 1));
  const logits = classifierHead(scope, dropout(scope, preLogits, config.dropout), config);
  return { preLogits, logits, features, intermediates: scope.intermediates };
}

/** Width of the features. */
export function resnetWidth(config: ResNetConfig): number {
  return allPooledStages(config).reduce((total, stage) => total + stageWidth(config, stage), 0);
}

/** Channels of the output of a stage, numbered from 1. */
export const stageWidth = ({ widthFactor }: Pick<ResNetConfig, "widthFactor">, stage: number): number =>
  4 * Math.floor(64 * widthFactor) * 2 ** (stage - 1);

/** The stages whose means are the features, in their order: the last, then `pooledStages`. Throws RangeError as described for `resnet`. */
export const allPooledStages = (config: ResNetConfig): readonly number[] => [
  config.blocks.length,
  ...pooledStages(config),
];

/** Validates `pooledStages` (default: none). Throws RangeError as described for `resnet`. */
function pooledStages({ pooledStages: stages = [], blocks }: ResNetConfig): readonly number[] {
  const isRising = stages.every((stage, i) => Number.isInteger(stage) && stage > (stages[i - 1] ?? 0));
  if (isRising && (stages.at(-1) ?? 0) < blocks.length) return stages;
  throw new RangeError(
    `invalid pooledStages [${stages.join(", ")}]; expected ascending numbers from 1 to ${blocks.length - 1}, because the last of ${blocks.length} stages is always pooled`,
  );
}

interface ResNetV2Options extends StageOptions {
  readonly widthFactor: number;
  readonly groups: number;
  readonly epsilon: number;
  readonly form: WeightStandardisation | "none";
  readonly rootPoolPadding: "zeros" | "none";
}

/** Applies root and stages of version 2 to images [N, C, H, W]; returns the output of the root, then of every stage, [N, C', h, w]. */
function resnetV2Stages(scope: Scope, image: Tensor, options: ResNetV2Options): Tensor[] {
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
  const root = scope.name("root", pooled);
  const stages = residualStages(scope, root, options, (unit, x, place) =>
    withNonLocal(unit, bottleneckV2(unit, x, width * 2 ** place.stage, place, options), place, options),
  );
  return [root, ...stages];
}

/**
 * shortcut + branch. With a = relu(gn1(x)), the shortcut is x, or a 1x1 convolution of a if the shape changes. The branch has 1x1, 3x3 (with
 * the stride) and 1x1 convolutions of a, with a norm and a ReLU before the second and the third.
 */
function bottleneckV2(scope: Scope, x: Tensor, channels: number, place: Place, options: ResNetV2Options): Tensor {
  const stride = place.stage > 0 && place.unit === 0 ? 2 : 1;
  const convolved = (name: string, from: Tensor, count: number, kernel: number, by: number) =>
    standardisedConvolution(scope.at(name), from, {
      channels: count,
      kernel,
      stride: by,
      padding: (kernel - 1) / 2,
      form: options.form,
    });
  const active = (name: string, from: Tensor) => relu(groupNormLayer(scope.at(name), from, options));
  const wide = 4 * channels;
  const a = active("gn1", x);
  const shortcut = x.shape[1] !== wide || stride !== 1 ? convolved("conv_proj", a, wide, 1, stride) : x;
  let y = active("gn2", convolved("conv1", a, channels, 1, 1));
  y = active("gn3", convolved("conv2", y, channels, 3, stride));
  return add(shortcut, residualBranch(scope, convolved("conv3", y, wide, 1, 1), place, options));
}
