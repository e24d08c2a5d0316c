/**
 * Relative patch location (Doersch et al., arXiv:1505.05192; as in Kolesnikov et al., arXiv:1901.09005; papers.md
 * 10.3). The network classifies the position of one of the 3 x 3 patches of an image relative to the centre patch.
 * There are 8 classes: the pairs (patch i, patch 4) for every i except 4, all in every step. The loss is the mean
 * softmax cross-entropy. Embedding and head are in patches.ts.
 */
import { z } from "zod";
import { constant, reduceMean, reshape, type Tensor } from "../../graph/index.js";
import { type Scope, softmaxCrossEntropy, targetsOf } from "../../nn/index.js";
import type { Objective, ObjectiveContext, ObjectiveKind } from "./objective.js";
import {
  choiceOf,
  chosenPatches,
  type PatchSettings,
  patchCount,
  patchEmbeddings,
  patchHead,
  patchInput,
  patchSettings,
  patchStack,
} from "./patches.js";
import { requireImages, requirePooled, shareRight, withoutLabels } from "./pretext.js";

export const relativePatchSchema = z.strictObject({ name: z.literal("relativePatch"), ...patchSettings });

export const relativePatch: ObjectiveKind<z.output<typeof relativePatchSchema>> = { ...withoutLabels, open };

const centre = 4;
const around = Array.from({ length: patchCount }, (_, i) => i).filter((i) => i !== centre);
const classes = around.length;

/** Throws RangeError when the network does not pool. */
function open(settings: PatchSettings, context: ObjectiveContext): Objective {
  const { model, image: sides, batchSize, evaluationBatchSize } = context;
  requirePooled("relativePatch", model);
  // Logits [8 n, 8] and the loss [n] of n images.
  const answers = (scope: Scope, image: Tensor) => {
    const n = image.shape[0]!;
    const pairs = chosenPatches(
      patchEmbeddings(scope, image, model, settings.embedding),
      choiceOf(around.flatMap((i) => [i, centre])),
    );
    const logits = patchHead(scope, reshape(pairs, [n * classes, 2 * settings.embedding]), settings, classes);
    const places = constant(
      Array.from({ length: n * classes }, (_, row) => row % classes),
      [n * classes],
      "int32",
    );
    const losses = softmaxCrossEntropy(logits, targetsOf(places, classes));
    return { logits, loss: reduceMean(reshape(losses, [n, classes]), 1) };
  };
  const evaluated = patchInput(context, evaluationBatchSize);
  return {
    name: "relativePatch",
    inputs: { image: patchInput(context, batchSize) },
    trace: (scope, part) => ({ loss: reduceMean(answers(scope, part["image"]!).loss) }),
    feeds: ({ train }) => {
      requireImages("relativePatch", train, sides, patchStack);
      return { image: train.image };
    },
    draws: settings.dropout > 0,
    evaluation: {
      inputs: [evaluated],
      outputs: (scope) => ({ ...answers(scope, evaluated) }),
      feeds: (batch) => {
        requireImages("relativePatch", batch, sides, patchStack);
        return { image: batch.image };
      },
      score: ({ loss, logits }) => ({
        loss: loss as Float32Array,
        correct: shareRight(
          logits as Float32Array,
          classes,
          evaluationBatchSize,
          Array.from({ length: evaluationBatchSize * classes }, (_, row) => ({
            image: Math.floor(row / classes),
            row,
            answer: row % classes,
          })),
        ),
      }),
    },
  };
}
