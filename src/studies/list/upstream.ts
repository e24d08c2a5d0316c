/** Study 1: which upstream task gives the best features? */

import { fractals } from "../framework/data.js";
import type { StudyContext } from "../framework/study.js";
import { fewShotMeasure, pairedRule } from "../framework/texts.js";
import { commonRecipe, preprocessingOf, upstreamData } from "../framework/training-job.js";
import { variantStudy } from "../framework/variants.js";

/** The recipe of every upstream task; a tenth of the images has labels where labels are few. */
function recipes(context: StudyContext, seed: number) {
  const { scale } = context;
  const most = scale.subsets.at(-1) ?? 0;
  const model = scale.models.ResNet.medium;
  const { train } = preprocessingOf(scale);
  const data = upstreamData(context, most, seed);
  const few = upstreamData(context, Math.round(most / 10), seed);
  const unlabelled = { ...(data.train as { source: string }), split: "train", preprocessing: train };
  const alone = { ...data, evaluation: undefined };
  const synthetic = {
    source: fractals(scale.imageSize),
    preprocessing: `decode|resize(${scale.imageSize})|flip_lr|value_range(-1,1)`,
  };
  const optimizer = { ...commonRecipe.optimizer, learningRate: 0 };
  return {
    random: { ...commonRecipe, model, data: alone, optimizer },
    "synthetic (fractals)": { ...commonRecipe, model, data: { train: synthetic, workers: 1 } },
    "self-supervised (rotation)": { ...commonRecipe, model, data: alone, objective: { name: "rotation" as const } },
    "supervised, a tenth of the labels": { ...commonRecipe, model, data: few },
    "semi-supervised (S4L rotation), a tenth": {
      ...commonRecipe,
      model,
      data: { ...few, unlabelled },
      objective: { name: "s4lRotation" as const },
    },
    supervised: { ...commonRecipe, model, data },
  };
}

export const upstreamTasks = variantStudy({
  number: 1,
  name: "upstream",
  title: "What to learn upstream",
  question:
    "How do supervised, semi-supervised, self-supervised and synthetic pre-training compare with random weights?",
  claim: {
    text: "Supervised features transfer best, semi-supervised ones come close with a tenth of the labels, self-supervised ones follow; all beat random weights.",
    source: "papers.md 10.1 to 10.5 (Zhai et al., 2019, VTAB and S4L; Kataoka et al., 2020)",
  },
  prediction: "accuracy of supervised - accuracy of self-supervised (rotation) features is at least 2 points",
  smallestEffect: 0.02,
  measure: fewShotMeasure,
  varies: "upstream task, labels, images",
  fixed:
    "model (medium BiT ResNet), training images seen (S4L and rotation see each in four rotations; half of S4L's have no labels), recipe",
  rule: pairedRule,
  variants: (context, seed) =>
    Object.entries(recipes(context, seed)).map(([series, recipe]) => {
      const { batchSize, examples } = context.scale;
      // an unlabelled image is seen beside each labelled one
      const seen = series === "random" ? batchSize * 8 : "unlabelled" in recipe.data ? examples / 2 : examples;
      return { series, recipe, examples: seen };
    }),
  compares: { more: "supervised", less: "self-supervised (rotation)" },
});
