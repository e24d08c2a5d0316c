/**
 * Post-activation ResNet with group norm and standardised weights (He et al., 2016, with the norms of BiT). It is the stem of the hybrids
 * (stems.ts) and, with a head, the plain ResNets of resnet.ts. Facts: papers.md 3.1.
 */
import { add, maxPool2d, relu, type Tensor, type WeightStandardisation } from "../graph/index.js";
import { groupNormLayer, type Scope, samePadding, standardisedConvolution, zeros } from "../nn/index.js";
import { type Place, residualBranch, residualStages, type StageOptions, withNonLocal } from "./resnet-stages.js";

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
