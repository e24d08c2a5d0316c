/**
 * k nearest neighbours by cosine similarity, with votes weighted by exp(similarity / 0.07) as in Wu et al.
 * (arXiv:1805.01978, section 3.4). DINO uses the same weights with k of 10, 20, 100 and 200, of which 20 is usually
 * best (arXiv:2104.14294, appendix F; facebookresearch/dino, eval_knn.py). With fewer than k examples, all vote.
 */

import { checkFeatures } from "../../algebra/features.js";
import { headScores, type NeighbourHead, normalised } from "../../networks/index.js";
import type { Evaluator } from "./evaluator.js";

/** Wu et al.'s temperature. */
const voteTemperature = 0.07;

export const nearestNeighbours: Evaluator = {
  name: "knn",
  title: "k nearest neighbours, weighted by cosine",
  // Also smaller than DINO's values: a few examples of each class do not have a hundred neighbours. Larger values are
  // allowed.
  settings: [{ k: 20 }, { k: 10 }, { k: 5 }, { k: 1 }],
  fit: async ({ features, labels }, classes, { k = 20 }, { threads }) => {
    checkFeatures("training set", features, labels, classes);
    if (features.rows === 0) throw new Error("the training set has no examples; give at least one of each class");
    if (!Number.isInteger(k) || k < 1) throw new Error(`knn: k is ${k}; give a whole number from 1`);
    const head: NeighbourHead = {
      kind: "neighbours",
      width: features.columns,
      classes,
      k: Math.min(k, features.rows),
      temperature: voteTemperature,
      sharpness: 1,
      bank: Float32Array.from(normalised(features).data),
      labels: Int32Array.from(labels),
    };
    return { head, scores: (queries) => headScores(head, queries, { threads }) };
  },
};
