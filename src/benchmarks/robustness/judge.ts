/** What is measured for robustness: a network that names classes by its own head, or by a head fitted to its frozen features. */

import type { ImageSource } from "../../data/index.js";
import {
  headScores,
  imageFeatures,
  type Network,
  type Representations,
  type RepresentOptions,
} from "../../networks/index.js";
import type { Evaluator } from "../../transfer/index.js";

/** Names the images of a source. */
export interface Judge {
  /** `own`, or the name of the evaluator that fitted its head. */
  readonly head: string;
  /** What its scores are of, in their order. */
  readonly classNames: readonly string[];
  /** [height, width, channels] of the images it sees. */
  readonly imageShape: readonly [number, number, number];
  /** What brings images to that, in its string form. */
  readonly preprocessing: string;
  /** Scores [count, classes] of the readable images. */
  scores(source: ImageSource, options: JudgeOptions): Promise<Representations>;
}

export type JudgeOptions = Pick<RepresentOptions, "preprocessing"> &
  Partial<Pick<RepresentOptions, "onProgress" | "signal">>;

/** Fits a head to the features of clean images and judges by it; the backbone stays the caller's to close. */
export async function fittedJudge(
  backbone: Network,
  train: ImageSource,
  evaluator: Evaluator,
  options: Partial<Pick<RepresentOptions, "onProgress" | "signal">> & { readonly threads?: number } = {},
): Promise<Judge> {
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
      return { features: Float32Array.from(scores.data), width: scores.columns, labels, indices, bad };
    },
  };
}

/**
 * The label of the class that each row of scores is highest at, in the numbering of `classNames`: -1 where the judge's answer
 * is a class that these do not have.
 */
export function answers(
  judge: Pick<Judge, "classNames">,
  scores: Representations,
  classNames: readonly string[],
): Int32Array {
  const numbers = new Map(classNames.map((name, label) => [name, label]));
  const labels = judge.classNames.map((name) => numbers.get(name) ?? -1);
  const { features, width } = scores;
  return Int32Array.from({ length: scores.labels.length }, (_, row) => {
    let best = 0;
    for (let c = 1; c < width; c++) if (features[row * width + c]! > features[row * width + best]!) best = c;
    return labels[best]!;
  });
}
