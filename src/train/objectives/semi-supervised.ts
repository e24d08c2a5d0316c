/**
 * Shared parts of objectives that learn from labelled images (`data.train`) and images without labels
 * (`data.unlabelled`) together: the inputs of a step and the data of each stream (S4L, arXiv:1905.03670 [s4l];
 * papers.md 10.4).
 */
import { z } from "zod";
import { input, reduceMean, type Tensor } from "../../graph/index.js";
import { requireClassifier } from "../../models/index.js";
import { softmaxCrossEntropy } from "../../nn/index.js";
import type { Feeds } from "../../runtime/index.js";
import { targetInput } from "./classification.js";
import type { Batches, ObjectiveContext, ObjectiveKind } from "./objective.js";
import { requireImages, type Stack } from "./pretext.js";

export const bothKinds: Pick<
  ObjectiveKind<{ readonly unlabelledBatchSize?: number | undefined }>,
  "streams" | "headClasses" | "probabilities"
> = {
  streams: ["train", "unlabelled"],
  headClasses: (_, classes) => classes,
  probabilities: "softmax",
};

export const unlabelledSettings = {
  /** Unlabelled images in a step. Default: `batchSize`. */
  unlabelledBatchSize: z.number().int().positive().optional(),
};

export const weightSetting = z.number().min(0);

/** The inputs of a step: `image` and its labels, and `unlabelled`. */
export interface BothStreams {
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly labelledCount: number;
  readonly unlabelledCount: number;
  /** Targets [N, classes] of a part of the labelled images. */
  targets(part: Readonly<Record<string, Tensor>>): Tensor;
  feeds(batches: Batches): Feeds;
}

/** Throws RangeError when the network has no head or does not pool. */
export function bothStreams(name: string, context: ObjectiveContext, stack?: Stack): BothStreams {
  const { model, image: sides, batchSize, unlabelledBatchSize = batchSize } = context;
  requireClassifier(model);
  const [height, width, channels] = sides;
  const images = (key: string, count: number) =>
    input(key, "float32", [count, height * (stack?.count ?? 1), width, channels]);
  const target = targetInput(context);
  return {
    inputs: {
      image: images("image", batchSize),
      ...target.input,
      unlabelled: images("unlabelled", unlabelledBatchSize),
    },
    labelledCount: batchSize,
    unlabelledCount: unlabelledBatchSize,
    targets: target.targets,
    feeds: ({ train, unlabelled }) => {
      if (!unlabelled)
        throw new Error(
          `the objective "${name}" needs a batch of images without labels in addition to the labelled one`,
        );
      requireImages(name, train, sides, stack);
      try {
        requireImages(name, unlabelled, sides, stack);
      } catch (error) {
        throw new Error(`data.unlabelled: ${(error as Error).message}`, { cause: error });
      }
      return { image: train.image, ...target.feeds(train), unlabelled: unlabelled.image };
    },
  };
}

/** Mean softmax cross-entropy of logits [N, K] and targets [N, K]. */
export const supervisedLoss = (logits: Tensor, targets: Tensor): Tensor =>
  reduceMean(softmaxCrossEntropy(logits, targets));
