/**
 * The post-activation ResNet with group norm and standardised weights (He et al., 2016, with the norms of BiT): the stem of
 * the hybrids (stems.ts) and, with a head, the plain ResNets of resnet.ts. Facts: papers.md 3.1.
 */
import { add, maxPool2d, relu, rematerialise, type Tensor, type WeightStandardisation } from "../graph/index.js";
import { groupNormLayer, type Scope, samePadding, standardisedConvolution, zeros } from "../nn/index.js";

/** What the reference has: flax's epsilon, and the standardisation that adds 1e-5 to the deviation (papers.md 3.1). */
const reference = { epsilon: 1e-6, form: "flax" } as const;

/** The norms of a unit and of the root. */
interface Norms {
  readonly groups: number;
  /** Of the group norms; 1e-6 when left out. */
  readonly epsilon?: number;
  /** Of the kernels; "flax" when left out. */
  readonly form?: WeightStandardisation | "none";
}

export interface BottleneckOptions extends Norms {
  /** Channels of the 3x3 convolution; four times as many come out. */
  readonly channels: number;
  readonly stride: number;
  /** What happens to the branch before it is added, e.g. squeeze-and-excitation. */
  readonly branch?: (scope: Scope, y: Tensor) => Tensor;
}

/**
 * relu(shortcut(x) + branch(x)) of [N, C, H, W], the branch 1x1, 3x3 (with the stride) and 1x1 convolutions, each with its
 * norm. The shortcut is a 1x1 convolution with its norm where the shape changes. The last norm's scale starts at zero, so
 * that the unit starts as its shortcut. Parameters `conv1..3/kernel`, `gn1..3/{scale,bias}`, `conv_proj`, `gn_proj`.
 */
export function bottleneckV1(scope: Scope, x: Tensor, options: BottleneckOptions): Tensor {
  const { channels, stride, groups, branch = (_scope, y) => y } = options;
  const { epsilon, form } = { ...reference, ...options };
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
  return relu(add(shortcut, branch(scope, y)));
}

/** A unit of a network, both counted from 0. */
interface Place {
  readonly stage: number;
  readonly unit: number;
}

export interface ResNetV1Options extends Norms {
  /** Units in each stage. */
  readonly blocks: readonly number[];
  /** The root has 64 times this many channels, stage i the 2^i-fold. */
  readonly widthFactor: number;
  /** Compute each unit again in the backward pass instead of keeping its intermediates. */
  readonly rematerialise?: boolean;
  /** What happens to the branch of a unit before it is added. */
  readonly branch?: (scope: Scope, y: Tensor, place: Place) => Tensor;
  /** What happens to the output of a unit, e.g. a non-local block after some; counted from 0. */
  readonly after?: (scope: Scope, x: Tensor, place: Place) => Tensor;
}

/**
 * Root and stages over images [N, C, H, W]: a 7x7 convolution at stride 2, norm, ReLU, 3x3 max-pool at stride 2, then the
 * stages, each but the first at stride 2; TensorFlow's SAME padding throughout (the pool's padding never wins). Gives
 * [N, C', h, w]. Parameters `conv_root`, `gn_root` and `block{i}/unit{j}/...`, counted from 1.
 * Records `root` and the `output` of every unit. Throws ShapeError when the groups do not divide the channels.
 */
export function resnetV1Stages(scope: Scope, image: Tensor, options: ResNetV1Options): Tensor {
  const { blocks, widthFactor, groups, branch, after = (_scope, y) => y } = options;
  const { epsilon, form } = { ...reference, ...options };
  const width = Math.floor(64 * widthFactor);
  const convolved = standardisedConvolution(scope.at("conv_root"), image, {
    channels: width,
    kernel: 7,
    stride: 2,
    padding: "same",
    form,
  });
  const active = relu(groupNormLayer(scope.at("gn_root"), convolved, { groups, epsilon }));
  const [top, bottom] = samePadding(active.shape[2]!, 3, 2);
  const [left, right] = samePadding(active.shape[3]!, 3, 2);
  let x = scope.name("root", maxPool2d(active, 3, { stride: 2, padding: [top, left, bottom, right] }));
  blocks.forEach((units, stage) => {
    for (let unit = 0; unit < units; unit++) {
      const inner = scope.at(`block${stage + 1}`).at(`unit${unit + 1}`);
      const from = x;
      const stride = stage > 0 && unit === 0 ? 2 : 1;
      const body = () => {
        const y = bottleneckV1(inner, from, {
          channels: width * 2 ** stage,
          stride,
          groups,
          epsilon,
          form,
          branch: branch && ((of: Scope, z: Tensor) => branch(of, z, { stage, unit })),
        });
        return after(inner, y, { stage, unit });
      };
      x = inner.name("output", options.rematerialise ? rematerialise(body) : body());
    }
  });
  return x;
}
