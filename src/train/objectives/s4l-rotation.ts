/**
 * S4L-Rotation (Zhai et al., "S4L: Self-Supervised Semi-Supervised Learning", arXiv:1905.03670; papers.md 10.4): L_sup
 * + w L_rotation. Labelled and unlabelled images pass through the network in all four rotations, in one batch. The
 * classifier is trained on all four rotations of the labelled images. L_rotation is the mean of the loss over the
 * unlabelled images and the loss over the labelled images. w = 1.
 *
 * Reference (ResNet50v2, 10 % of ImageNet's labels): 256 labelled and 256 unlabelled images per step, learning rate
 * 0.03, weight decay 1e-3, 200 epochs of the labelled images, learning rate x 0.1 after 140, 160 and 180, 5 epochs of
 * warmup: top-1 61.37 %; labels alone reach 56.36 %. Evaluation uses images without rotation.
 */
import { z } from "zod";
import { add, concat, fourRotations, reduceMean, scale, split, type Tensor } from "../../graph/index.js";
import { model as network } from "../../models/index.js";
import type { Scope } from "../../nn/index.js";
import { classifierEvaluation } from "./classification.js";
import type { Objective, ObjectiveContext, ObjectiveKind } from "./objective.js";
import { requireSquare, rotationHead } from "./rotation.js";
import {
  type BothStreams,
  bothKinds,
  bothStreams,
  supervisedLoss,
  unlabelledSettings,
  weightSetting,
} from "./semi-supervised.js";

export const s4lRotationSchema = z.strictObject({
  name: z.literal("s4lRotation"),
  /** Weight of the rotation loss. */
  weight: weightSetting.default(1),
  ...unlabelledSettings,
});

type Settings = z.output<typeof s4lRotationSchema>;

/** The unlabelled images of a part, before and after the network, in the order of `fourRotations`. */
export interface RotationLosses {
  readonly supervised: Tensor;
  readonly rotation: Tensor;
  /** [4 M, H, W, C] and [4 M, K]. */
  readonly images: Tensor;
  readonly logits: Tensor;
}

/**
 * Both losses of a part of the batch, from one pass over all rotations of all images; the unlabelled images come first.
 */
export function rotationLosses(
  scope: Scope,
  part: Readonly<Record<string, Tensor>>,
  model: ObjectiveContext["model"],
  targetsOf: BothStreams["targets"],
): RotationLosses {
  const rotated = [fourRotations(part["unlabelled"]!), fourRotations(part["image"]!)];
  const found = network(scope, concat(rotated, 0), model);
  const apart = (rows: Tensor) =>
    split(
      rows,
      0,
      rotated.map(({ shape }) => shape[0]!),
    ) as [Tensor, Tensor];
  const [logits, labelledLogits] = apart(found.logits!);
  const rotations = apart(found.preLogits).map((rows) => reduceMean(rotationHead(scope, rows).loss));
  const targets = targetsOf(part);
  return {
    supervised: supervisedLoss(labelledLogits, concat([targets, targets, targets, targets], 0)),
    rotation: scale(add(rotations[0]!, rotations[1]!), 0.5),
    images: rotated[0]!,
    logits,
  };
}

export const s4lRotation: ObjectiveKind<Settings> = {
  ...bothKinds,
  open: ({ weight }, context): Objective => {
    requireSquare("s4lRotation", context.image);
    const { inputs, targets, feeds } = bothStreams("s4lRotation", context);
    return {
      name: "s4lRotation",
      inputs,
      trace: (scope, part) => {
        const { supervised, rotation } = rotationLosses(scope, part, context.model, targets);
        return { loss: add(supervised, scale(rotation, weight)), supervised, rotation };
      },
      feeds,
      evaluation: classifierEvaluation("softmax", context),
    };
  },
};
