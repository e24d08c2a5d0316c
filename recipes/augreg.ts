/**
 * A small version of recipes/published/augreg-i1k.ts and augreg-i21k.ts: a class token, a sigmoid loss of many labels
 * and one of AugReg's 28 settings ("How to train your ViT?", arXiv:2106.10270; papers.md 5.8).
 *
 * Published: about 79 % top-1 for B/16 on ImageNet-1k; after 300 epochs of ImageNet-21k and fine-tuning at 384 px 85.49
 * %.
 *
 * This small version has not been run yet.
 *
 *   fovea train recipes/augreg.ts --data.train.source=photos/ --data.evaluation.source=photos/
 */
import { augregRecipe, augregRecommended, defineRecipe } from "fovea/train";
import baseline from "./vit-baseline.js";

const size = baseline.model.imageSize;
const setting = augregRecipe({
  augmentation: augregRecommended.i1k["Ti/16"]!,
  regularisation: "none",
  weightDecay: 0.03,
  size,
});

export default defineRecipe({
  ...baseline,
  model: {
    ...baseline.model,
    pooling: "tok",
    posEmbedding: "learn",
    preLogits: false,
    // its sigmoid is about 0.1, the frequency of each class
    headBiasInit: -2.3,
    ...setting.model,
  },
  data: { ...baseline.data, train: { source: "embedded:clothing", preprocessing: setting.preprocessing } },
  objective: { name: "sigmoid" },
  mixup: setting.mixup,
  optimizer: setting.optimizer,
});
