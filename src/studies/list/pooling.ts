/** Study 25: class token, mean or attention pooling? */
import { fewShotMeasure, pairedRule } from "../framework/texts.js";
import { commonRecipe } from "../framework/training-job.js";
import { variantStudy } from "../framework/variants.js";
import type { ViTModel } from "../framework/vit.js";

const kinds = { "class token": "tok", mean: "gap", "attention pooling": "map" } as const;

export const pooling = variantStudy({
  number: 25,
  name: "pooling",
  title: "Class token, mean and attention pooling",
  question: "Does a ViT need a class token?",
  claim: {
    text: "The class token and the mean over tokens are equal when the learning rate is tuned for each.",
    source: "papers.md 9.11 (Dosovitskiy et al., 2021)",
  },
  prediction: "mean - class token lies within 1 point, each at the better of two learning rates",
  smallestEffect: 0.01,
  measure: fewShotMeasure,
  varies: "pooling; learning rate (x axis), as in the paper",
  fixed: "model (medium ViT), upstream images (all of the scale), training images seen, recipe",
  rule: `${pairedRule}, mean over both learning rates`,
  variants: ({ scale }) =>
    [3e-4, 1e-3].flatMap((learningRate) =>
      Object.entries(kinds).map(([series, pooling]) => {
        const model = { ...(scale.models.ViT.medium as ViTModel), pooling };
        const optimizer = { ...commonRecipe.optimizer, learningRate };
        return { series, x: learningRate, recipe: { ...commonRecipe, model, optimizer } };
      }),
    ),
  compares: { more: "mean", less: "class token", equal: true },
  xLabel: "learning rate",
  xScale: "log",
});
