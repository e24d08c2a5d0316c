/** Study 10: which position embeddings does a ViT need? */
import type { Model } from "../framework/scale.js";
import { commonRecipe } from "../framework/training-job.js";
import { variantStudy } from "../framework/variants.js";

type ViTModel = Extract<Model, { name: "vit" }>;

const kinds = {
  none: "none",
  "1-D learned": "learn",
  "2-D learned": "learn2d",
  relative: "relative",
  sincos: "sincos2d",
} as const satisfies Record<string, ViTModel["posEmbedding"]>;

export const positionEmbeddings = variantStudy({
  number: 10,
  name: "positions",
  title: "Positions are learned, and any kind will do",
  question: "How much accuracy does a ViT lose without positions, and does their kind matter?",
  claim: {
    text: "Without positions accuracy drops; how they are encoded makes little difference.",
    source: "papers.md 9.5 (Dosovitskiy et al., 2021)",
  },
  prediction: "accuracy with 1-D learned positions - accuracy without positions is at least 1 point",
  smallestEffect: 0.01,
  measure: "10-shot accuracy, of frozen features (ridge), mean over the downstream datasets",
  varies: "position embedding",
  fixed: "model (medium ViT), upstream images (all of the scale), training images seen, recipe",
  rule: "the 95 % interval over seeds of the paired difference",
  variants: ({ scale }) =>
    Object.entries(kinds).map(([series, posEmbedding]) => {
      const model = { ...(scale.models.ViT.medium as ViTModel), posEmbedding };
      return { series, recipe: { ...commonRecipe, model } };
    }),
  compares: { more: "1-D learned", less: "none" },
  // ImageNet 5-shot accuracy of ViT-B/16 pre-trained on JFT (papers.md 9.5)
  published: {
    anchor: "1-D learned",
    values: { none: 0.61382, "1-D learned": 0.64206, "2-D learned": 0.64001, relative: 0.64032 },
  },
});
