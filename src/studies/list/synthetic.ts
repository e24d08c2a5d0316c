/** Study 16: do synthetic images teach features? */
import { fractals } from "../framework/data.js";
import { fewShotMeasure, pairedRule } from "../framework/texts.js";
import { commonRecipe, upstreamData } from "../framework/training-job.js";
import { variantStudy } from "../framework/variants.js";

export const synthetic = variantStudy({
  number: 16,
  name: "synthetic",
  title: "Synthetic images against random weights and real images",
  question: "How far do fractals and generated scenes bring a network, between random weights and real images?",
  claim: {
    text: "Pre-training on fractals, which needs no photograph, gives much better features than random weights and comes near real images.",
    source: "papers.md 10.5 (Kataoka et al., 2020)",
  },
  prediction: "accuracy after fractals - accuracy of random weights is at least 2 points",
  smallestEffect: 0.02,
  measure: fewShotMeasure,
  varies: "images of pre-training",
  fixed: "model (medium BiT ResNet), training images seen (none for random weights), recipe",
  rule: pairedRule,
  variants: (context, seed) => {
    const { scale } = context;
    const most = scale.subsets.at(-1) ?? 0;
    const data = upstreamData(context, most, seed);
    const model = scale.models.ResNet.medium;
    // fractals of 200 categories (FractalDB), and scenes whose objects are counted
    const generated = {
      fractals: fractals(scale.imageSize),
      scenes: "generated:shapes?label=count&length=60000",
    };
    const preprocessing = `decode|resize(${scale.imageSize})|flip_lr|value_range(-1,1)`;
    const alone = { ...data, evaluation: undefined };
    // a learning rate of 0 leaves the random weights as they are
    const random = { ...commonRecipe, model, data: alone, optimizer: { ...commonRecipe.optimizer, learningRate: 0 } };
    return [
      { series: "random", examples: 8 * scale.batchSize, recipe: random },
      ...Object.entries(generated).map(([series, source]) => ({
        series,
        recipe: { ...commonRecipe, model, data: { train: { source, preprocessing }, workers: 1 } },
      })),
      { series: "real", recipe: { ...commonRecipe, model, data } },
    ];
  },
  compares: { more: "fractals", less: "random" },
});
