/**
 * What makes tokens of an image: patches alone, or patches of what a small convolutional network sees first.
 *
 * Vision Transformers take any of the three, MLP-Mixers take patches. Facts: papers.md 1.1, 3.1, 10.8.
 */
import { cast, describe, linear, relu, reshape, ShapeError, slice, type Tensor, transpose } from "../graph/index.js";
import { convolution, groupNormLayer, lecunNormal, type Scope, toNCHW, zeros } from "../nn/index.js";
import { resnetV1Stages } from "./resnet-v1.js";

/** A post-activation ResNet before the patches: the hybrids of the ViT and AugReg papers (papers.md 3.1). */
export interface ResNetStem {
  readonly kind: "resnet";
  /** Units in each stage; none leaves the root alone, which divides the image's sides by 4. */
  readonly blocks: readonly number[];
  /** The root has 64 times this many channels; 1 in every published hybrid. */
  readonly widthFactor: number;
  /** Groups of the group norms; 32 in every published hybrid (flax's default). */
  readonly groups: number;
}

/**
 * A stack of 3x3 convolutions before the patches (Xiao et al., 2021, arXiv:2106.14881; papers.md 10.8), each followed by
 * norm and ReLU; with a patch size of 1 what follows is the paper's 1x1 convolution with bias.
 *
 * The paper normalises by batch; a network here gives an image the same answer in any batch, so the norm is a group norm,
 * which has the same parameters. (The paper's own replacement by layer norm errs on 21.1 % instead of 20.9 %.)
 */
export interface ConvolutionStem {
  readonly kind: "convolutions";
  readonly channels: readonly number[];
  /** One for each of `channels`. */
  readonly strides: readonly number[];
  /** Groups of the group norms. */
  readonly groups: number;
}

/** What comes before the patches; `patch` is nothing. */
export type Stem = { readonly kind: "patch" } | ResNetStem | ConvolutionStem;

/** The stem of the published hybrids but for their blocks. */
export const resnetStem = (blocks: readonly number[]): ResNetStem => ({
  kind: "resnet",
  blocks,
  widthFactor: 1,
  groups: 32,
});

/** A stem of 3x3 convolutions whose strides double with the channels, the first included; 8 groups divide all of them. */
export const convolutionStem = (channels: readonly number[]): ConvolutionStem => ({
  kind: "convolutions",
  channels,
  strides: channels.map((count, i) => (count === channels[i - 1] ? 1 : 2)),
  groups: 8,
});

export interface Patches {
  /** [N, rows * columns, width], row by row of the grid. */
  readonly tokens: Tensor;
  readonly rows: number;
  readonly columns: number;
}

/**
 * Patches of an image [N, H, W, C] as tokens: a convolution whose kernel and stride are the patch's side, without
 * padding, written as one product over flattened patches. Trailing pixels that fill no patch are ignored. Parameters
 * `kernel` [p, p, C, width] and `bias` [width] (papers.md 1.1, 1.3). Throws ShapeError when the image is smaller than a
 * patch.
 */
export function patchEmbedding(
  scope: Scope,
  image: Tensor,
  { patchSize: p, width }: { readonly patchSize: number; readonly width: number },
): Patches {
  const [n, height, imageWidth, channels] = image.shape as [number, number, number, number];
  const rows = Math.floor(height / p);
  const columns = Math.floor(imageWidth / p);
  if (image.shape.length !== 4 || rows < 1 || columns < 1) {
    throw new ShapeError(`images ${describe(image)} must be [N, H, W, C] with sides of at least one patch of ${p}`);
  }
  const fanIn = p * p * channels;
  const kernel = scope.parameter("kernel", [p, p, channels, width], lecunNormal(fanIn));
  const bias = scope.parameter("bias", [width], zeros);
  const whole = slice(image, [0, 0, 0, 0], [n, rows * p, columns * p, channels]);
  const cut = transpose(reshape(whole, [n, rows, p, columns, p * channels]), [0, 1, 3, 2, 4]);
  const matrix = cast(reshape(kernel, [fanIn, width]), image.dtype);
  const flat = linear(reshape(cut, [n * rows * columns, fanIn]), matrix, cast(bias, image.dtype));
  return { tokens: reshape(flat, [n, rows * columns, width]), rows, columns };
}

/**
 * The feature map [N, h, w, C] of images [N, H, W, C] that patches are then cut from; the image itself without a stem.
 * Names of parameters: those of `resnetV1Stages`, or `stem/conv{i}/kernel` and `stem/norm{i}/{scale,bias}`, i from 1.
 */
export function stemFeatures(scope: Scope, image: Tensor, stem: Stem, rematerialise = false): Tensor {
  if (stem.kind === "patch") return image;
  const x = toNCHW(image);
  const features =
    stem.kind === "resnet"
      ? resnetV1Stages(scope, x, { ...stem, rematerialise }).at(-1)!
      : convolutions(scope.at("stem"), x, stem);
  return transpose(features, [0, 2, 3, 1]);
}

function convolutions(scope: Scope, image: Tensor, { channels, strides, groups }: ConvolutionStem): Tensor {
  if (channels.length !== strides.length) {
    throw new ShapeError(`a stem of ${channels.length} convolutions needs as many strides, got ${strides.length}`);
  }
  let x = image;
  channels.forEach((count, i) => {
    const y = convolution(scope.at(`conv${i + 1}`), x, {
      channels: count,
      kernel: 3,
      stride: strides[i]!,
      padding: 1,
    });
    // epsilon as in the paper's batch norm
    x = relu(groupNormLayer(scope.at(`norm${i + 1}`), y, { groups, epsilon: 1e-5 }));
    scope.at(`conv${i + 1}`).name("output", x);
  });
  return x;
}
