/**
 * What jigsaw and relative patch location share (papers.md 10.3, [rss]): an image as 3 x 3 patches that lie below each
 * other, row by row (the preprocessing's `patch_grid`), the network on every one, and a head on several embeddings joined.
 *
 * Reference: resize 292, random crop 255, grey with probability 0.66, cells of 85, in each a random crop of 64, every patch
 * standardised by itself; an embedding of 1,000 a patch; a hidden layer of 4,096 (kernel truncated normal 0.005, bias 0.1),
 * batch norm (0.997, 1e-5), ReLU, dropout 0.5, a linear layer. We have no batch norm with running averages; layer norm over
 * the hidden features (1e-5) stands in its place. The kernel of the last layer starts at zero, as every head of ours does.
 *
 * For transfer the reference averages the representation over the 9 patches of 64 of a crop of 192. Here `represent`,
 * `fovea embed` and `fovea fewshot` show the network whole images brought to the size of a patch (model.imageSize). A ResNet
 * pools over positions and takes images of any size: `fovea convert RUN a.safetensors`, then `fovea convert a.safetensors
 * b.safetensors --image-size 64` makes of it one for larger images (with values from -1 to 1: train with these then).
 */
import { z } from "zod";
import { constant, input, matmul, relu, reshape, type Tensor } from "../../graph/index.js";
import { type ModelConfig, model as network } from "../../models/index.js";
import { dense, dropout, filledWith, layerNorm, type Scope, truncatedNormal, zeros } from "../../nn/index.js";
import type { ObjectiveContext } from "./objective.js";
import { type Stack, unstacked } from "./pretext.js";

export const patchCount = 9;
export const patchStack: Stack = { count: patchCount, op: "patch_grid(3, cell, patch)" };

const count = z.number().int().positive();

/** Settings of embedding and head. */
export const patchSettings = {
  /** Width of a patch's embedding. */
  embedding: count.default(1000),
  /** Width of the hidden layer. */
  hidden: count.default(4096),
  /** Dropout probability before the head of the task. */
  dropout: z.number().min(0).lt(1).default(0.5),
};

export interface PatchSettings {
  readonly embedding: number;
  readonly hidden: number;
  readonly dropout: number;
}

/** An input of stacked patches [images, 9 H, W, C]. */
export const patchInput = ({ image: [height, width, channels] }: ObjectiveContext, images: number): Tensor =>
  input("image", "float32", [images, patchCount * height, width, channels]);

/** The embeddings [N, 9, width] of the patches of images [N, 9 H, W, C]. */
export function patchEmbeddings(scope: Scope, image: Tensor, model: ModelConfig, width: number): Tensor {
  const { preLogits } = network(scope, unstacked(image, patchCount), model);
  const embedded = dense(scope.at("objective").at("embedding"), preLogits, width);
  return reshape(embedded, [image.shape[0]!, patchCount, width]);
}

/**
 * Rows [N, rows, width] of embeddings [N, 9, width] by a matrix [rows, 9] that has a one where each comes from: a product,
 * which every device runs and differentiates fast.
 */
export const chosenPatches = (embeddings: Tensor, matrix: Tensor): Tensor => matmul(matrix, embeddings);

/** The matrix that chooses patches by number. */
export const choiceOf = (patches: readonly number[]): Tensor =>
  constant(
    patches.flatMap((patch) => Array.from({ length: patchCount }, (_, k) => Number(k === patch))),
    [patches.length, patchCount],
  );

/** Logits [rows, classes] of joined embeddings [rows, width]. */
export function patchHead(scope: Scope, joined: Tensor, settings: PatchSettings, classes: number): Tensor {
  const head = scope.at("objective").at("head");
  const hidden = dense(head.at("hidden"), joined, settings.hidden, {
    kernelInitializer: truncatedNormal(0.005),
    biasInitializer: filledWith(0.1),
  });
  const active = relu(layerNorm(head.at("norm"), hidden, 1e-5));
  return dense(head.at("classes"), dropout(scope, active, settings.dropout), classes, { kernelInitializer: zeros });
}
