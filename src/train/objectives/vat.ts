/**
 * Virtual adversarial training of a classifier with few labels (virtual-adversarial.ts; Zhai et al., arXiv:1905.03670;
 * papers.md 10.4): L_sup + weight L_vat + entropyMinimisation L_entropy. L_vat and L_entropy, the mean entropy of the
 * network's predictions, are computed over both labelled and unlabelled images.
 *
 * Reference (ResNet50v2, 10 % of ImageNet's labels): epsilon 40 (224 px, values from -1 to 1), weight 0.5, one power
 * iteration, learning rate 0.03: top-1 59.98 %; with entropy minimisation of weight 1.0: 60.87 %. In the reference, the
 * perturbed pass uses the batch statistics in batch norm; the networks here have no batch norm. Dropout and stochastic
 * depth are the same in all passes.
 */
import { z } from "zod";
import { add, concat, input, reduceMean, scale, split, type Tensor } from "../../graph/index.js";
import { model as network } from "../../models/index.js";
import { classifierEvaluation } from "./classification.js";
import type { Objective, ObjectiveKind, StepMetrics } from "./objective.js";
import { bothKinds, bothStreams, supervisedLoss, unlabelledSettings, weightSetting } from "./semi-supervised.js";
import {
  conditionalEntropy,
  drawDirections,
  perturbationOf,
  perturbationSettings,
  virtualAdversarialLoss,
} from "./virtual-adversarial.js";

const publishedEpsilon = 40;

export const vatSchema = z.strictObject({
  name: z.literal("vat"),
  /** Weight of the virtual adversarial loss. */
  weight: weightSetting.default(0.5),
  /** Weight of the entropy of the predictions; 0 omits it, 1 is the published value of the variant with it. */
  entropyMinimisation: weightSetting.default(0),
  ...perturbationSettings,
  ...unlabelledSettings,
});

type Settings = z.output<typeof vatSchema>;

export const vat: ObjectiveKind<Settings> = {
  ...bothKinds,
  open: (settings, context): Objective => {
    const { inputs, targets, feeds, labelledCount, unlabelledCount } = bothStreams("vat", context);
    const perturbation = perturbationOf(settings, publishedEpsilon, context);
    const shapes = {
      direction: [labelledCount, ...context.image],
      unlabelledDirection: [unlabelledCount, ...context.image],
    };
    const drawn = Object.entries(shapes);
    return {
      name: "vat",
      inputs: { ...inputs, ...Object.fromEntries(drawn.map(([name, shape]) => [name, input(name, "float32", shape)])) },
      trace: (scope, part) => {
        // Taken before the first pass, so that every pass draws the same random numbers.
        const repeat = scope.again();
        const classify = (images: Tensor) => network(repeat.again(), images, context.model).logits!;
        const images = concat([part["image"]!, part["unlabelled"]!], 0);
        const logits = network(scope, images, context.model).logits!;
        const labelled = split(logits, 0, [part["image"]!.shape[0]!, part["unlabelled"]!.shape[0]!])[0]!;
        const directions = concat([part["direction"]!, part["unlabelledDirection"]!], 0);
        const supervised = supervisedLoss(labelled, targets(part));
        const adversarial = reduceMean(virtualAdversarialLoss(images, logits, directions, perturbation, classify));
        const loss = add(supervised, scale(adversarial, settings.weight));
        const metrics: StepMetrics = { loss, supervised, adversarial };
        if (settings.entropyMinimisation === 0) return metrics;
        const entropy = reduceMean(conditionalEntropy(logits));
        return { ...metrics, loss: add(loss, scale(entropy, settings.entropyMinimisation)), entropy };
      },
      feeds: (batches, random) => ({
        ...feeds(batches),
        ...Object.fromEntries(drawn.map(([name, shape]) => [name, drawDirections(shape, random)])),
      }),
      evaluation: classifierEvaluation("softmax", context),
    };
  },
};
