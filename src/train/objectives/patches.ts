/**
 * Shared parts of jigsaw and relative patch location (papers.md 10.3, [rss]). An image is 3 x 3 patches stacked
 * vertically, row by row (the preprocessing's `patch_grid`). The network runs on every patch, and a head takes several
 * concatenated embeddings.
 *
 * Reference: resize 292, random crop 255, grey with probability 0.66, cells of 85 with a random crop of 64 in each,
 * every patch standardised separately; an embedding of 1,000 per patch; a hidden layer of 4,096 (kernel truncated
 * normal 0.005, bias 0.1), batch norm (0.997, 1e-5), ReLU, dropout 0.5, a linear layer. Here layer norm over the hidden
 * features (1e-5) replaces batch norm, since there is no batch norm with running averages. The kernel of the last layer
 * is initialised to zero, as in every head here.
 *
 * For transfer, the reference averages the representation over the 9 patches of 64 of a crop of 192. Here `represent`,
 * `fovea embed` and `fovea fewshot` resize whole images to the size of a patch (model.imageSize). A ResNet pools over
 * positions and takes images of any size: run `fovea convert RUN a.safetensors`, then `fovea convert a.safetensors
 * b.safetensors --image-size 64` for a network with larger input. That network takes values from -1 to 1, so train with
 * that range.
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
 * Selects rows [N, rows, width] of embeddings [N, 9, width] with a one-hot matrix [rows, 9]. Every device runs and
 * differentiates the matrix product fast.
 */
export const chosenPatches = (embeddings: Tensor, matrix: Tensor): Tensor => matmul(matrix, embeddings);

/** The one-hot matrix that selects patches by index. */
export const choiceOf = (patches: readonly number[]): Tensor =>
  constant(
    patches.flatMap((patch) => Array.from({ length: patchCount }, (_, k) => Number(k === patch))),
    [patches.length, patchCount],
  );

/** Logits [rows, classes] of concatenated embeddings [rows, width]. */
export function patchHead(scope: Scope, joined: Tensor, settings: PatchSettings, classes: number): Tensor {
  const head = scope.at("objective").at("head");
  const hidden = dense(head.at("hidden"), joined, settings.hidden, {
    kernelInitializer: truncatedNormal(0.005),
    biasInitializer: filledWith(0.1),
  });
  const active = relu(layerNorm(head.at("norm"), hidden, 1e-5));
  return dense(head.at("classes"), dropout(scope, active, settings.dropout), classes, { kernelInitializer: zeros });
}
