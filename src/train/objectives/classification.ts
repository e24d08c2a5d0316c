// What objectives with one row of targets an image share: classification by softmax or sigmoid, of labels or of vectors of
// labels.
import type { Batch } from "../../data/index.js";
import { input, reduceMean, type Tensor } from "../../graph/index.js";
import { model as network, requireClassifier } from "../../models/index.js";
import type { Feeds, Results } from "../../runtime/index.js";
import { argmax } from "../argmax.js";
import { type LossName, losses, smoothTargets, targetsOf } from "../losses.js";
import type { Objective, ObjectiveContext, ObjectiveEvaluation } from "./objective.js";

export interface ClassificationSettings {
  readonly loss: LossName;
  /** Share of the target that goes to the other classes (papers.md 5.4, weighted_softmax_xent). */
  readonly labelSmoothing: number;
}

/** What a classifier needs to know of its run. */
export type ClassificationContext = Omit<ObjectiveContext, "openTeacher">;

/** The objective of a classifier with targets of its training source. Throws RangeError when the model has no head or does not pool. */
export function classification(settings: ClassificationSettings, context: ClassificationContext): Objective {
  const { model, batchSize, image: sides, classes, vectorTargets } = context;
  requireClassifier(model);
  const image = input("image", "float32", [batchSize, ...sides]);
  const target: Readonly<Record<string, Tensor>> = vectorTargets
    ? { targets: input("targets", "float32", [batchSize, classes]) }
    : { label: input("label", "int32", [batchSize]) };
  return {
    name: settings.loss,
    inputs: { image, ...target },
    trace: (scope, part) => {
      const { logits } = network(scope, part["image"]!, model);
      const targets = part["targets"] ?? targetsOf(part["label"]!, classes);
      return { loss: reduceMean(losses[settings.loss](logits!, smoothTargets(targets, settings.labelSmoothing))) };
    },
    feeds: ({ train }): Feeds =>
      vectorTargets
        ? { image: train.image, targets: targetVectors(train, classes) }
        : { image: train.image, label: train.label },
    evaluation: classifierEvaluation(settings.loss, context),
  };
}

/**
 * The targets of a batch as vectors [N, classes]: those it brings, or 1 at the label. Throws when what it brings is made for
 * another number of classes.
 */
export function targetVectors(batch: Pick<Batch, "label" | "labels">, classes: number): Float32Array {
  if (batch.labels) {
    if (batch.labels.length === batch.label.length * classes) return batch.labels;
    throw new Error(
      `the targets of an image are ${batch.labels.length / batch.label.length} numbers, and the source has ${classes} classes; give onehot(${classes}) in the preprocessing, or leave it out`,
    );
  }
  const out = new Float32Array(batch.label.length * classes);
  for (const [i, label] of batch.label.entries()) out[i * classes + label] = 1;
  return out;
}

/** Top-1 accuracy and loss of the network's own head against labels. */
export function classifierEvaluation(loss: LossName, context: ClassificationContext): ObjectiveEvaluation {
  const { model, image: sides, evaluationBatchSize: size, classes } = context;
  const image = input("image", "float32", [size, ...sides]);
  const label = input("label", "int32", [size]);
  return {
    inputs: [image, label],
    outputs: (scope) => {
      const { logits } = network(scope, image, model);
      return { logits: logits!, loss: losses[loss](logits!, targetsOf(label, classes)) };
    },
    ...byLabel,
  };
}

/** Judges logits by the labels of a batch; for any program whose `evaluate` takes image and label and gives logits and loss. */
export const byLabel: Pick<ObjectiveEvaluation, "feeds" | "score"> = {
  feeds: (batch) => ({ image: batch.image, label: batch.label }),
  score: (results, feeds) => scoreLogits(results, feeds["label"] as Int32Array),
};

/** The loss of every example, and 1 where its highest logit (the first of equals) is its label. */
export function scoreLogits(results: Results, label: ArrayLike<number>) {
  const { logits, loss } = results as Record<"logits" | "loss", Float32Array>;
  const classes = logits!.length / label.length;
  const correct = Float32Array.from(label, (own, i) => (argmax(rowOf(logits!, i, classes)) === own ? 1 : 0));
  return { loss: loss!, correct };
}

/** One row of [N, width]. */
export const rowOf = (values: Float32Array, row: number, width: number): Float32Array =>
  values.subarray(row * width, (row + 1) * width);
