/**
 * Builds the classifier whose robustness is measured: a network with its own head, or with a head fitted to its frozen
 * features.
 */

import { argmax } from "../../algebra/argmax.js";
import { rowOf } from "../../algebra/features.js";
import type { ImageSource } from "../../data/index.js";
import {
  headScores,
  imageFeatures,
  type Network,
  type Representations,
  type RepresentOptions,
} from "../../networks/index.js";
import type { Evaluator } from "../../transfer/index.js";

/** Classifies the images of a source. */
export interface ImageClassifier {
  /** `own`, or the name of the evaluator that fitted its head. */
  readonly head: string;
  /** The class of each column of the scores. */
  readonly classNames: readonly string[];
  /** [height, width, channels] of its input images. */
  readonly imageShape: readonly [number, number, number];
  /** Preprocessing of images to that input, in string form. */
  readonly preprocessing: string;
  /** Scores [count, classes] of the readable images. */
  scores(source: ImageSource, options: ClassifyOptions): Promise<Representations>;
}

export type ClassifyOptions = Pick<RepresentOptions, "preprocessing"> &
  Partial<Pick<RepresentOptions, "onProgress" | "signal">>;

/** Fits a head to the features of clean images and classifies with it. The caller closes the backbone. */
export async function fitImageClassifier(
  backbone: Network,
  train: ImageSource,
  evaluator: Evaluator,
  options: Partial<Pick<RepresentOptions, "onProgress" | "signal">> & { readonly threads?: number } = {},
): Promise<ImageClassifier> {
  const { threads, ...pass } = options;
  const found = await imageFeatures(backbone, train, pass);
  const computing = { threads };
  const context = { seed: 0, ...computing };
  const fitted = await evaluator.fit(found, train.classNames.length, evaluator.settings[0]!, context);
  return {
    head: evaluator.name,
    classNames: train.classNames,
    imageShape: backbone.imageShape,
    preprocessing: backbone.preprocessing,
    scores: async (source, options) => {
      const { features, labels, indices, bad } = await imageFeatures(backbone, source, options);
      const scores = await headScores(fitted.head, features, computing);
      return { features: { ...scores, data: Float32Array.from(scores.data) }, labels, indices, bad };
    },
  };
}

/**
 * Predicted labels, numbered by `classNames`: the class with the highest score in each row, or -1 if `classNames` does
 * not contain it.
 */
export function answers(
  classifier: Pick<ImageClassifier, "classNames">,
  scores: Representations,
  classNames: readonly string[],
): Int32Array {
  const numbers = new Map(classNames.map((name, label) => [name, label]));
  const labels = classifier.classNames.map((name) => numbers.get(name) ?? -1);
  return Int32Array.from({ length: scores.labels.length }, (_, row) => labels[argmax(rowOf(scores.features, row))]!);
}
