/**
 * The post-activation ResNet with group norm and standardised weights (He et al., 2016, with the norms of BiT): the stem of
 * the hybrids (stems.ts) and, with a head, the plain ResNets of resnet.ts. Facts: papers.md 3.1.
 */
import { add, maxPool2d, relu, type Tensor, type WeightStandardisation } from "../graph/index.js";
import { groupNormLayer, type Scope, samePadding, standardisedConvolution, zeros } from "../nn/index.js";
import { type Place, residualBranch, residualStages, type StageOptions, withNonLocal } from "./resnet-stages.js";

/** The settings of the reference: flax's epsilon, and the standardisation that adds 1e-5 to the deviation (papers.md 3.1). */
const reference = { epsilon: 1e-6, form: "flax" } as const;

export interface ResNetV1Options extends StageOptions {
  /** The root has 64 times this many channels, the 3x3 convolutions of stage i (from 0) 2^i times as many as the root. */
  readonly widthFactor: number;
  /** Of the group norms. */
  readonly groups: number;
  /** Of the group norms; default: 1e-6. */
  readonly epsilon?: number;
  /** Standardisation of the kernels; default: "flax". */
  readonly form?: WeightStandardisation | "none";
}

/**
 * Root and stages over images [N, C, H, W]: a 7x7 convolution at stride 2, norm, ReLU, 3x3 max-pool at stride 2, then the
 * stages, each but the first at stride 2; TensorFlow's SAME padding throughout (the pool's padding never wins). Returns the
 * output of the root, then of every stage, [N, C', h, w]. Parameters: `conv_root`, `gn_root` and `block{i}/unit{j}/...`,
 * counted from 1. Records `root` and the `output` of every unit. Throws ShapeError when the groups do not divide the channels.
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
 * relu(shortcut(x) + branch(x)) of [N, C, H, W], the branch 1x1, 3x3 (with the stride) and 1x1 convolutions, each with its
 * norm, to four times `channels`. The shortcut is a 1x1 convolution with its norm where the shape changes. The last norm's
 * scale starts at zero, so that the unit starts as its shortcut. Parameters: `conv1..3/kernel`, `gn1..3/{scale,bias}`,
 * `conv_proj`, `gn_proj`.
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
