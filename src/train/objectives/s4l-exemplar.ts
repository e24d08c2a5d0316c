/**
 * S4L-Exemplar (Zhai et al., arXiv:1905.03670; papers.md 10.2 and 10.4): L_sup + w L_exemplar. Every image has several
 * augmented views, stacked by the preprocessing (`views(8, "...")` for both data.train and data.unlabelled). The
 * classifier is trained on all views of the labelled images. L_exemplar is the triplet loss of exemplar.ts (batchHard)
 * on an embedding of 1,000 numbers. As in the published code, it is computed separately for labelled and unlabelled
 * views, and the two are averaged. w = 1. Evaluation uses single images: data.evaluation has no views.
 *
 * Reference (ResNet50v2, 10 % of ImageNet's labels): batch 512, 8 views of inception crops, flips and noise in hue,
 * saturation and value, learning rate 0.1, weight decay 1e-3, 200 epochs, learning rate x 0.1 after 140, 160 and 180,
 * 10 epochs of warmup: top-1 62.17 %.
 */
import { z } from "zod";
import { add, concat, expand, reduceMean, reshape, scale, split, type Tensor } from "../../graph/index.js";
import { model as network } from "../../models/index.js";
import { classifierEvaluation } from "./classification.js";
import { exemplarEmbedding, tripletLosses } from "./exemplar.js";
import type { Objective, ObjectiveKind } from "./objective.js";
import { unstacked } from "./pretext.js";
import { bothKinds, bothStreams, supervisedLoss, unlabelledSettings, weightSetting } from "./semi-supervised.js";

export const s4lExemplarSchema = z.strictObject({
  name: z.literal("s4lExemplar"),
  /** Weight of the triplet loss. */
  weight: weightSetting.default(1),
  /** Number of views of an image; the preprocessing must make as many. */
  views: z.number().int().min(2).default(8),
  /** Width of the embedding. */
  embedding: z.number().int().positive().default(1000),
  ...unlabelledSettings,
});

type Settings = z.output<typeof s4lExemplarSchema>;

/** Repeats every row of [N, K] `times` times in succession. */
const repeated = (rows: Tensor, times: number): Tensor => {
  const [count, width] = rows.shape as [number, number];
  return reshape(expand(reshape(rows, [count, 1, width]), [count, times, width]), [count * times, width]);
};

export const s4lExemplar: ObjectiveKind<Settings> = {
  ...bothKinds,
  /** Throws RangeError when a stream has one image per step: there would be no other image to compare it with. */
  open: ({ weight, views, embedding }, context): Objective => {
    const { inputs, targets, feeds, labelledCount, unlabelledCount } = bothStreams("s4lExemplar", context, {
      count: views,
      op: `views(${views}, "...")`,
    });
    if (Math.min(labelledCount, unlabelledCount) < 2) {
      throw new RangeError(
        `the objective "s4lExemplar" compares the images of a batch: batchSize is ${labelledCount} and objective.unlabelledBatchSize ${unlabelledCount}; expected at least 2 each`,
      );
    }
    return {
      name: "s4lExemplar",
      inputs,
      trace: (scope, part) => {
        const images = [part["image"]!, part["unlabelled"]!].map((image) => unstacked(image, views));
        const { logits, preLogits } = network(scope, concat(images, 0), context.model);
        const apart = (rows: Tensor) =>
          split(
            rows,
            0,
            images.map(({ shape }) => shape[0]!),
          );
        const supervised = supervisedLoss(apart(logits!)[0]!, repeated(targets(part), views));
        const triplet = { views, triplet: "batchHard" } as const;
        const [labelled, unlabelled] = apart(exemplarEmbedding(scope, preLogits, embedding)).map((rows) =>
          reduceMean(tripletLosses(rows, triplet).loss),
        );
        const exemplar = scale(add(labelled!, unlabelled!), 0.5);
        return { loss: add(supervised, scale(exemplar, weight)), supervised, exemplar };
      },
      feeds,
      evaluation: classifierEvaluation("softmax", context),
      wholeBatch: true,
    };
  },
};
