/**
 * Ridge regression on standardised features, the few-shot protocol's classifier (papers.md 6), with the published l2.
 */

import { headScores, type LinearHead } from "../../networks/index.js";
import { biasConstant, defaultL2, fitRidges, type RidgeClassifier } from "./closed-form-ridge.js";
import type { Evaluator } from "./evaluator.js";

export const ridge: Evaluator = {
  name: "ridge",
  title: "ridge regression, l2 as published",
  settings: [{ l2: defaultL2 }],
  fit: async ({ features, labels }, classes, { l2 = defaultL2 }, { threads }) => {
    const options = { threads };
    const [fitted] = await fitRidges({ features, labels, classes, ...options }, [l2]);
    const head = headOfRidge(fitted!);
    return { head, scores: (queries) => headScores(head, queries, options) };
  },
};

/** The same classifier over raw features: the standardisation and the bias feature folded into kernel and bias. */
export function headOfRidge({ classes, mean, deviation, weights }: RidgeClassifier): LinearHead {
  const width = mean.length;
  const kernel = new Float64Array(width * classes);
  const bias = new Float64Array(classes);
  for (let c = 0; c < classes; c++) bias[c] = biasConstant * weights.data[width * classes + c]!;
  for (let j = 0; j < width; j++) {
    for (let c = 0; c < classes; c++) {
      const weight = weights.data[j * classes + c]! / deviation[j]!;
      kernel[j * classes + c] = weight;
      bias[c]! -= mean[j]! * weight;
    }
  }
  return { kind: "linear", width, classes, kernel, bias };
}
