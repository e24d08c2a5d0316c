/**
 * Rotation (Gidaris et al., arXiv:1803.07728; as in Kolesnikov et al., arXiv:1901.09005 and Zhai et al.,
 * arXiv:1905.03670; papers.md 10.1). Every image is used in four rotations, all in one batch, and a linear layer with 4
 * outputs on the representation predicts the rotation. The loss is the mean softmax cross-entropy over all rotations.
 * In terms of rows and columns:
 *
 *   0: I    1: transpose(reverse(I, columns))    2: reverse(I, rows and columns)    3: reverse(transpose(I), columns)
 *
 * which are 0, 90 (counter-clockwise), 180 and 270 degrees. Rotate the final square crop: an asymmetric resize before
 * the rotation leaves artifacts from which it can be predicted without the content of the image.
 *
 * Reference training: batch 64 to 256, SGD with momentum 0.9, learning rate 0.1 per 256 images, weight decay 1e-4, 35
 * epochs, learning rate x 0.1 after 15 and 25, 5 epochs of warmup, inception crops. The kernel of the 4 outputs is
 * initialised to zero, as in every head here.
 */
import { z } from "zod";
import { constant, fourRotations, input, reduceMean, reshape, type Tensor } from "../../graph/index.js";
import { model as network } from "../../models/index.js";
import { dense, type Scope, softmaxCrossEntropy, targetsOf, zeros } from "../../nn/index.js";
import type { Objective, ObjectiveContext, ObjectiveKind } from "./objective.js";
import { requireImages, requirePooled, shareRight, withoutLabels } from "./pretext.js";

export const rotationSchema = z.strictObject({ name: z.literal("rotation") });

const turns = 4;

/**
 * From representations [4 N, width] of `fourRotations` to the logits [4 N, 4] of the rotation and the loss [N] of an
 * image, the mean over its rotations.
 */
export function rotationHead(scope: Scope, representation: Tensor): { readonly logits: Tensor; readonly loss: Tensor } {
  const count = representation.shape[0]!;
  const images = count / turns;
  const turnOf = Array.from({ length: count }, (_, row) => Math.floor(row / images));
  const logits = dense(scope.at("objective").at("rotation"), representation, turns, { kernelInitializer: zeros });
  const losses = softmaxCrossEntropy(logits, targetsOf(constant(turnOf, [count], "int32"), turns));
  return { logits, loss: reduceMean(reshape(losses, [turns, images]), 0) };
}

/** Throws RangeError for images that are not square. */
export function requireSquare(objective: string, [height, width]: readonly [number, number, number]): void {
  if (height === width) return;
  throw new RangeError(
    `the objective "${objective}" rotates images by 90 degrees, so they must be square; model.imageSize is ${height} x ${width}; crop to a square in the preprocessing and set model.imageSize to its side`,
  );
}

/** The fraction of the four rotations of each image that are predicted correctly. */
export function correctRotations(logits: Float32Array): Float32Array {
  const rows = logits.length / turns;
  const images = rows / turns;
  const questions = Array.from({ length: rows }, (_, row) => ({
    image: row % images,
    row,
    answer: Math.floor(row / images),
  }));
  return shareRight(logits, turns, images, questions);
}

export const rotation: ObjectiveKind<z.output<typeof rotationSchema>> = {
  ...withoutLabels,
  open: (_, context) => open(context),
};

function open({ model, image: sides, batchSize, evaluationBatchSize }: ObjectiveContext): Objective {
  requirePooled("rotation", model);
  requireSquare("rotation", sides);
  const logitsAndLoss = (scope: Scope, image: Tensor) =>
    rotationHead(scope, network(scope, fourRotations(image), model).preLogits);
  const evaluated = input("image", "float32", [evaluationBatchSize, ...sides]);
  return {
    name: "rotation",
    inputs: { image: input("image", "float32", [batchSize, ...sides]) },
    trace: (scope, part) => ({ loss: reduceMean(logitsAndLoss(scope, part["image"]!).loss) }),
    feeds: ({ train }) => {
      requireImages("rotation", train, sides);
      return { image: train.image };
    },
    evaluation: {
      inputs: [evaluated],
      outputs: (scope) => ({ ...logitsAndLoss(scope, evaluated) }),
      feeds: (batch) => {
        requireImages("rotation", batch, sides);
        return { image: batch.image };
      },
      score: ({ loss, logits }) => ({ loss: loss as Float32Array, correct: correctRotations(logits as Float32Array) }),
    },
  };
}
