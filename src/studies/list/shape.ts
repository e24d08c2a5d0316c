/** Study 6: which dimension of a ViT should grow? */
import { fewShotMeasure, pairedRule } from "../framework/texts.js";
import { commonRecipe } from "../framework/training-job.js";
import { variantStudy } from "../framework/variants.js";
import type { ViTModel } from "../framework/vit.js";

/** A small base, of which one dimension grows: 4 blocks of width 64, MLP of 128, patches of an eighth of the image. */
function base(imageSize: number): ViTModel {
  return { name: "vit", imageSize, patchSize: imageSize / 4, width: 64, depth: 4, heads: 2, mlpDim: 128 };
}

/** The base with one dimension grown so that FLOPs are about `factor` times as many. */
function grown(model: ViTModel, dimension: string, factor: number): ViTModel {
  const { depth = 1, width = 1, heads = 1, mlpDim = 1, patchSize = 1 } = model;
  // FLOPs of a block are about 4 width^2 + 2 width * mlpDim for a token
  const root = Math.sqrt(factor);
  const even = (value: number) => 2 * heads * Math.max(1, Math.round(value / (2 * heads)));
  switch (dimension) {
    case "depth":
      return { ...model, depth: depth * factor };
    case "width":
      return { ...model, width: even(width * (root * 1.15)) };
    case "MLP width":
      return { ...model, mlpDim: Math.round(mlpDim * (1 + 2 * (factor - 1))) };
    case "patch size":
      return { ...model, patchSize: Math.max(1, Math.round(patchSize / root)) };
    default: {
      const each = factor ** (1 / 3);
      return {
        ...model,
        depth: Math.round(depth * each),
        width: even(width * each ** 0.5),
        mlpDim: Math.round(mlpDim * each ** 0.5),
        patchSize: Math.max(1, Math.round(patchSize / each ** 0.5)),
      };
    }
  }
}

const dimensions = ["depth", "width", "MLP width", "patch size", "all"];

export const shape = variantStudy({
  number: 6,
  name: "shape",
  title: "The shape of a ViT at growing compute",
  question: "Which dimension gives most accuracy for the same FLOPs: depth, width, MLP width or smaller patches?",
  claim: {
    text: "Depth helps most, with diminishing returns after 16 blocks; width helps least; smaller patches help robustly without parameters.",
    source: "papers.md 9.11 (Dosovitskiy et al., 2021)",
  },
  prediction: "accuracy of the deeper ViT - accuracy of the wider one at the largest FLOPs is at least 1 point",
  smallestEffect: 0.01,
  measure: fewShotMeasure,
  varies: "one dimension, or all together; FLOPs relative to the base (x axis)",
  fixed: "upstream images (all of the scale), training images seen, recipe",
  rule: `${pairedRule} at four times the FLOPs of the base`,
  variants: ({ scale }) =>
    dimensions.flatMap((series) =>
      [1, 2, 4].map((factor) => {
        const model = factor === 1 ? base(scale.imageSize) : grown(base(scale.imageSize), series, factor);
        return { series, x: factor, recipe: { ...commonRecipe, model } };
      }),
    ),
  compares: { more: "depth", less: "width", at: "largest" },
  xLabel: "FLOPs relative to the base (about)",
  xScale: "log",
});
