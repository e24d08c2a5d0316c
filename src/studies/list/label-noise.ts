/** Study 21: how much do wrong labels cost in multi-label pre-training? */
import { fewShotMeasure, pairedRule } from "../framework/texts.js";
import { commonRecipe, upstreamData, withOptions } from "../framework/training-job.js";
import { variantStudy } from "../framework/variants.js";

const rates = [0, 0.2, 0.4, 0.6];

export const labelNoise = variantStudy({
  number: 21,
  name: "label-noise",
  title: "Wrong labels in multi-label pre-training",
  question: "How much do features lose when a fifth of the labels, as in JFT-300M, is wrong?",
  claim: {
    text: "Pre-training with the sigmoid loss on labels of which about 20 % are wrong gives features as good as clean ones.",
    source: "papers.md 2.4 (JFT-300M has about 20 % label noise)",
  },
  prediction: "accuracy with clean labels - accuracy with 20 % wrong labels lies within 2 points",
  smallestEffect: 0.02,
  measure: fewShotMeasure,
  varies: "fraction of wrong labels, drawn uniformly over the other classes; loss",
  fixed: "model (medium BiT ResNet), upstream images (all of the scale), training images seen, recipe",
  rule: pairedRule,
  variants: (context, seed) =>
    (["sigmoid", "softmax"] as const).flatMap((name) =>
      rates.map((rate) => {
        const data = upstreamData(context, context.scale.subsets.at(-1) ?? 0, seed);
        const train = data.train as { source: string; preprocessing: string; split: string };
        const source = rate === 0 ? train.source : withOptions(train.source, `noise=${rate}&noiseSeed=${seed}`);
        return {
          series: `${name}, ${Math.round(100 * rate)} % wrong`,
          recipe: {
            ...commonRecipe,
            model: context.scale.models.ResNet.medium,
            objective: { name },
            data: { ...data, train: { ...train, source } },
          },
        };
      }),
    ),
  compares: { more: "sigmoid, 0 % wrong", less: "sigmoid, 20 % wrong", equal: true },
});
