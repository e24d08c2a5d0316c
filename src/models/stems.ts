/**
 * Stems convert images to tokens: patches of the image itself, or patches of the output of a small convolutional network.
 *
 * Vision Transformers support all three stems, MLP-Mixers only patches. Facts: papers.md 1.1, 3.1, 10.8.
 */
import {
  cast,
  describe,
  linear,
  matmul,
  relu,
  reshape,
  ShapeError,
  slice,
  type Tensor,
  transpose,
} from "../graph/index.js";
import { convolution, groupNormLayer, lecunNormal, type Scope, toNCHW, zeros } from "../nn/index.js";
import { resnetV1Stages } from "./resnet-stages.js";

/** A post-activation ResNet before the patches: the hybrids of the ViT and AugReg papers (papers.md 3.1). */
export interface ResNetStem {
  readonly kind: "resnet";
  /** Number of units in each stage; an empty list leaves only the root, which divides the image's sides by 4. */
  readonly blocks: readonly number[];
  /** The root has 64 times this many channels; 1 in every published hybrid. */
  readonly widthFactor: number;
  /** Number of groups of the group norms; 32 in every published hybrid (flax's default). */
  readonly groups: number;
}

/**
 * A stack of 3x3 convolutions before the patches (Xiao et al., 2021, arXiv:2106.14881; papers.md 10.8), each followed by norm and ReLU. With
 * a patch size of 1, the patch embedding is the paper's final 1x1 convolution with bias.
 *
 * The paper uses batch norm. Here the output for an image must not depend on its batch, so the norm is a group norm, which has the same
 * parameters. (The paper's own variant with layer norm has an error of 21.1 % instead of 20.9 %.)
 */
export interface ConvolutionStem {
  readonly kind: "convolutions";
  readonly channels: readonly number[];
  /** One stride for each of `channels`. */
  readonly strides: readonly number[];
  /** Number of groups of the group norms. */
  readonly groups: number;
}

/** The network before the patches; `patch` means none. */
export type Stem = { readonly kind: "patch" } | ResNetStem | ConvolutionStem;

/** The stem of the published hybrids, for given blocks. */
export const resnetStem = (blocks: readonly number[]): ResNetStem => ({
  kind: "resnet",
  blocks,
  widthFactor: 1,
  groups: 32,
});

/** A stem of 3x3 convolutions; the stride is 2 in the first one and where the number of channels changes. 8 groups divide all of them. */
export const convolutionStem = (channels: readonly number[]): ConvolutionStem => ({
  kind: "convolutions",
  channels,
  strides: channels.map((count, i) => (count === channels[i - 1] ? 1 : 2)),
  groups: 8,
});

export interface Patches {
  /** [N, rows * columns, width], row-major. */
  readonly tokens: Tensor;
  readonly rows: number;
  readonly columns: number;
}

interface PatchOptions {
  readonly patchSize: number;
  readonly width: number;
  /** Whether the embedding has a bias. Default: true. */
  readonly bias?: boolean;
}

/**
 * Converts an image [N, H, W, C] to patch tokens: a convolution whose kernel and stride are the patch size, without padding, written as one
 * product over flattened patches. Trailing pixels that do not fill a patch are ignored. Parameters: `kernel` [p, p, C, width] and `bias`
 * [width] (papers.md 1.1, 1.3). Throws ShapeError if the image is smaller than a patch.
 */
export function patchEmbedding(
  scope: Scope,
  image: Tensor,
  { patchSize: p, width, bias: hasBias = true }: PatchOptions,
): Patches {
  const [n, height, imageWidth, channels] = image.shape as [number, number, number, number];
  const rows = Math.floor(height / p);
  const columns = Math.floor(imageWidth / p);
  if (image.shape.length !== 4 || rows < 1 || columns < 1) {
    throw new ShapeError(`images ${describe(image)} must be [N, H, W, C] with sides of at least one patch of ${p}`);
  }
  const fanIn = p * p * channels;
  const kernel = scope.parameter("kernel", [p, p, channels, width], lecunNormal(fanIn));
  const whole = slice(image, [0, 0, 0, 0], [n, rows * p, columns * p, channels]);
  const cut = transpose(reshape(whole, [n, rows, p, columns, p * channels]), [0, 1, 3, 2, 4]);
  const matrix = cast(reshape(kernel, [fanIn, width]), image.dtype);
  const flatPatches = reshape(cut, [n * rows * columns, fanIn]);
  const flat = hasBias
    ? linear(flatPatches, matrix, cast(scope.parameter("bias", [width], zeros), image.dtype))
    : matmul(flatPatches, matrix);
  return { tokens: reshape(flat, [n, rows * columns, width]), rows, columns };
}

/**
 * Feature map [N, h, w, C] of images [N, H, W, C] from which patches are cut; the image itself without a stem network. Parameters: those of
 * `resnetV1Stages`, or `stem/conv{i}/kernel` and `stem/norm{i}/{scale,bias}`, i from 1.
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
    throw new ShapeError(
      `a stem of ${channels.length} convolutions has ${strides.length} strides; expected one for each`,
    );
  }
  let x = image;
  channels.forEach((count, i) => {
    const y = convolution(scope.at(`conv${i + 1}`), x, {
      channels: count,
      kernel: 3,
      stride: strides[i]!,
      padding: 1,
    });
    // Epsilon of the paper's batch norm.
    x = relu(groupNormLayer(scope.at(`norm${i + 1}`), y, { groups, epsilon: 1e-5 }));
    scope.at(`conv${i + 1}`).name("output", x);
  });
  return x;
}
