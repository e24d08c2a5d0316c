/**
 * Shared parts of objectives with one target vector per image: classification by softmax or sigmoid, with class labels
 * or label vectors.
 */
import { argmax } from "../../algebra/argmax.js";
import type { Batch } from "../../data/index.js";
import { input, reduceMean, type Tensor } from "../../graph/index.js";
import { model as network, requireClassifier } from "../../models/index.js";
import { type LossName, losses, type SmoothingKind, smoothTargets, targetsOf } from "../../nn/index.js";
import type { Random } from "../../random/keyed.js";
import type { Feeds, Results } from "../../runtime/index.js";
import { drawMixup, mixImages } from "./mixup.js";
import type { Objective, ObjectiveContext, ObjectiveEvaluation } from "./objective.js";

/** A loss of logits [N, classes] and targets [N, classes], whose rows sum to 1 for single labels: one number for each image, [N]. */
export type ClassificationLoss = (logits: Tensor, targets: Tensor) => Tensor;

export interface ClassificationSettings {
  readonly loss: LossName | ClassificationLoss;
  /** Fraction of the target that is spread over classes. Default: 0. */
  readonly labelSmoothing?: number;
  /** The classes it is spread over; default: "others". */
  readonly labelSmoothingOver?: SmoothingKind;
}

/** The part of the objective context that a classifier needs. */
export type ClassificationContext = Omit<ObjectiveContext, "openTeacher">;

/**
 * Builds a classification objective with targets from the training source. Throws RangeError when the model has no head
 * or does not pool.
 */
export function classification(settings: ClassificationSettings, context: ClassificationContext): Objective {
  const { model, batchSize, image: sides } = context;
  const { labelSmoothing = 0, labelSmoothingOver } = settings;
  const loss = lossOf(settings.loss);
  requireClassifier(model);
  const vectorTargets = context.vectorTargets || context.mixup !== undefined;
  const { input: target, targets, feeds } = targetInput({ ...context, vectorTargets });
  return {
    name: typeof settings.loss === "string" ? settings.loss : "classification",
    inputs: { image: input("image", "float32", [batchSize, ...sides]), ...target },
    trace: (scope, part) => {
      const { logits } = network(scope, part["image"]!, model);
      const smoothed = smoothTargets(targets(part), labelSmoothing, labelSmoothingOver);
      return { loss: reduceMean(loss(logits!, smoothed)) };
    },
    feeds: ({ train }, random): Feeds => {
      const { targets: vectors, ...label } = feeds(train);
      if (!vectors) return { image: train.image, ...label };
      const { mix } = drawMix(context, random);
      return { image: mix(train.image), targets: mix(vectors as Float32Array) };
    },
    evaluation: classifierEvaluation(settings.loss, context),
  };
}

const lossOf = (loss: LossName | ClassificationLoss): ClassificationLoss =>
  typeof loss === "string" ? losses[loss] : loss;

/** The targets as an input of a step: labels [N], or target vectors [N, classes] if batches contain them. */
export interface TargetInput {
  readonly input: Readonly<Record<string, Tensor>>;
  /** Targets [N, classes] of a part of a batch. */
  targets(part: Readonly<Record<string, Tensor>>): Tensor;
  feeds(batch: Batch): Feeds;
}

export const targetInput = ({
  batchSize,
  classes,
  vectorTargets,
}: Pick<ClassificationContext, "batchSize" | "classes" | "vectorTargets">): TargetInput =>
  vectorTargets
    ? {
        input: { targets: input("targets", "float32", [batchSize, classes]) },
        targets: ({ targets }) => targets!,
        feeds: (batch) => ({ targets: targetVectors(batch, classes) }),
      }
    : {
        input: { label: input("label", "int32", [batchSize]) },
        targets: ({ label }) => targetsOf(label!, classes),
        feeds: ({ label }) => ({ label }),
      };

/**
 * The targets of a batch as vectors [N, classes]: the batch's own target vectors, or one-hot labels. Throws when the
 * batch's vectors have another number of classes.
 */
export function targetVectors(batch: Pick<Batch, "label" | "labels">, classes: number): Float32Array {
  if (batch.labels) {
    if (batch.labels.length === batch.label.length * classes) return batch.labels;
    throw new Error(
      `the targets of an image have ${batch.labels.length / batch.label.length} numbers; expected ${classes}, one per class of the source; write onehot(${classes}) in the preprocessing, or remove onehot`,
    );
  }
  const out = new Float32Array(batch.label.length * classes);
  for (const [i, label] of batch.label.entries()) out[i * classes + label] = 1;
  return out;
}

/** Draws the run's mixup for one batch of images [N, ...] and targets [N, ...]; without mixup they are unchanged. */
export function drawMix({ mixup, batchSize }: Pick<ObjectiveContext, "mixup" | "batchSize">, random: Random) {
  if (!mixup) return { mix: (values: Float32Array) => values };
  const { lambda, partner } = drawMixup(mixup.kind, mixup.alpha, batchSize, random);
  return { mix: (values: Float32Array) => mixImages(values, lambda, partner) };
}

/** Top-1 accuracy and loss of the network's own head on labels. */
export function classifierEvaluation(
  loss: LossName | ClassificationLoss,
  context: ClassificationContext,
): ObjectiveEvaluation {
  const { model, image: sides, evaluationBatchSize: size, classes } = context;
  const image = input("image", "float32", [size, ...sides]);
  const label = input("label", "int32", [size]);
  return {
    inputs: [image, label],
    outputs: (scope) => {
      const { logits } = network(scope, image, model);
      return { logits: logits!, loss: lossOf(loss)(logits!, targetsOf(label, classes)) };
    },
    ...byLabel,
  };
}

/**
 * Scores logits against the labels of a batch, for any program whose `evaluate` takes image and label and returns
 * logits and loss.
 */
export const byLabel: Pick<ObjectiveEvaluation, "feeds" | "score"> = {
  feeds: (batch) => ({ image: batch.image, label: batch.label }),
  score: (results, feeds) => scoreLogits(results, feeds["label"] as Int32Array),
};

/** The loss of every example, and 1 if its highest logit (the first of equals) is at its label, otherwise 0. */
export function scoreLogits(results: Results, label: ArrayLike<number>) {
  const { logits, loss } = results as Record<"logits" | "loss", Float32Array>;
  const classes = logits.length / label.length;
  const correct = Float32Array.from(label, (own, i) => (argmax(rowOf(logits, i, classes)) === own ? 1 : 0));
  return { loss, correct };
}

/** One row of [N, width]. */
export const rowOf = (values: Float32Array, row: number, width: number): Float32Array =>
  values.subarray(row * width, (row + 1) * width);
