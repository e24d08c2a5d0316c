/**
 * The first step of MOAM, "mix of all models" (Zhai et al., arXiv:1905.03670; papers.md 10.4). It combines rotation,
 * labels, virtual adversarial training and entropy minimisation: 0.4 L_rotation + 0.3 L_sup + 0.3 L_vat + 0.3
 * L_entropy. As in the published code, rotation and labels are as in s4l-rotation.ts; the other two use all four
 * rotations of the unlabelled images.
 *
 * Reference (ResNet50v2 4x, 10 % of ImageNet's labels): batch 128, epsilon 32 (224 px, values from -1 to 1), learning
 * rate 0.2 per 256 images, weight decay 2e-4, 200 epochs, learning rate x 0.1 after 100, 150 and 190, 10 epochs of
 * warmup, averaged weights with a half-life of one epoch (`average: { name: "ema", halfLife: { epochs: 1 } }`): top-1
 * 69.46 %. Step 2 trains a new network on its pseudo-labels (`fovea pseudo-label`); step 3 continues with the labelled
 * images alone.
 */
import { z } from "zod";
import { addAll, fourRotations, input, reduceMean, scale, type Tensor } from "../../graph/index.js";
import { model as network } from "../../models/index.js";
import { classifierEvaluation } from "./classification.js";
import type { Objective, ObjectiveKind } from "./objective.js";
import { requireSquare } from "./rotation.js";
import { rotationLosses } from "./s4l-rotation.js";
import { bothKinds, bothStreams, unlabelledSettings, weightSetting } from "./semi-supervised.js";
import {
  conditionalEntropy,
  drawDirections,
  perturbationOf,
  perturbationSettings,
  virtualAdversarialLoss,
} from "./virtual-adversarial.js";

const publishedEpsilon = 32;

export const moamSchema = z.strictObject({
  name: z.literal("moam"),
  /** Weights of the losses. */
  weights: z
    .strictObject({
      /** Weight of the rotation loss. */
      rotation: weightSetting.default(0.4),
      /** Weight of the supervised loss of the labelled images. */
      supervised: weightSetting.default(0.3),
      /** Weight of virtual adversarial training. */
      adversarial: weightSetting.default(0.3),
      /** Weight of the entropy of the predictions. */
      entropy: weightSetting.default(0.3),
    })
    .prefault({}),
  ...perturbationSettings,
  ...unlabelledSettings,
});

type Settings = z.output<typeof moamSchema>;

export const moam: ObjectiveKind<Settings> = {
  ...bothKinds,
  open: ({ weights, ...settings }, context): Objective => {
    requireSquare("moam", context.image);
    const { inputs, targets, feeds, unlabelledCount } = bothStreams("moam", context);
    const perturbation = perturbationOf(settings, publishedEpsilon, context);
    // One direction per image is rotated with it; each rotation still has its own gradient.
    const shape = [unlabelledCount, ...context.image];
    return {
      name: "moam",
      inputs: { ...inputs, direction: input("direction", "float32", shape) },
      trace: (scope, part) => {
        const repeat = scope.again();
        const classify = (images: Tensor) => network(repeat.again(), images, context.model).logits!;
        const { supervised, rotation, images, logits } = rotationLosses(scope, part, context.model, targets);
        const directions = fourRotations(part["direction"]!);
        const adversarial = reduceMean(virtualAdversarialLoss(images, logits, directions, perturbation, classify));
        const entropy = reduceMean(conditionalEntropy(logits));
        const terms = { supervised, rotation, adversarial, entropy };
        const weighted = Object.entries(terms).map(([name, term]) => scale(term, weights[name as keyof typeof terms]));
        return { loss: addAll(weighted), ...terms };
      },
      feeds: (batches, random) => ({ ...feeds(batches), direction: drawDirections(shape, random) }),
      evaluation: classifierEvaluation("softmax", context),
    };
  },
};
