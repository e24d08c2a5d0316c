/**
 * Nearest class mean: predicts the class whose mean feature is closest by Euclidean distance (prototypical networks,
 * Snell et al., arXiv:1703.05175, equation 1). -|x - c|^2 is linear in x except for |x|^2, which is the same for all
 * classes: kernel 2 c and bias -|c|^2 (their equation 8).
 */

import { checkFeatures } from "../../algebra/features.js";
import { headScores, type LinearHead } from "../../networks/index.js";
import type { Evaluator } from "./evaluator.js";

/** Bias of a class without examples: lower than any other bias can be, and a float32. */
const absent = -1e30;

export const prototypes: Evaluator = {
  name: "prototypes",
  title: "nearest class mean",
  settings: [{}],
  fit: async ({ features, labels }, classes, _, { threads }) => {
    checkFeatures("training set", features, labels, classes);
    const { data, rows, columns: width } = features;
    if (rows === 0) throw new Error("the training set has no examples; give at least one of each class");
    const kernel = new Float64Array(width * classes);
    const counts = new Float64Array(classes);
    for (let i = 0; i < rows; i++) {
      const c = labels[i]!;
      counts[c]!++;
      for (let j = 0; j < width; j++) kernel[j * classes + c]! += data[i * width + j]!;
    }
    const bias = new Float64Array(classes);
    for (let c = 0; c < classes; c++) {
      if (counts[c] === 0) bias[c] = absent;
      else {
        for (let j = 0; j < width; j++) {
          const mean = kernel[j * classes + c]! / counts[c]!;
          kernel[j * classes + c] = 2 * mean;
          bias[c]! -= mean ** 2;
        }
      }
    }
    const head: LinearHead = { kind: "linear", width, classes, kernel, bias };
    return { head, scores: (queries) => headScores(head, queries, { threads }) };
  },
};
