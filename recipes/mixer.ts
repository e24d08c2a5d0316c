/**
 * A small version of recipes/published/mixer-i1k.ts: an MLP-Mixer with stochastic depth, RandAugment and strong mixup,
 * a linear learning rate decay (arXiv:2105.01601; papers.md 3.2).
 *
 * Published, Mixer-B/16 on ImageNet-1k: 76.44 % top-1 after 300 epochs; ViT-B/16 by the same recipe 79.67.
 *
 * This small version has not been run yet.
 *
 *   fovea train recipes/mixer.ts --data.train.source=photos/ --data.evaluation.source=photos/
 */
import { defineRecipe } from "fovea/train";
import baseline from "./vit-baseline.js";

export default defineRecipe({
  ...baseline,
  model: {
    name: "mixer",
    patchSize: 8,
    width: 128,
    depth: 6,
    tokensMlpDim: 64,
    channelsMlpDim: 512,
    imageSize: 64,
    stochasticDepth: 0.1,
    headBiasInit: -2.3,
  },
  data: {
    ...baseline.data,
    train: {
      ...baseline.data.train,
      preprocessing: "decode|inception_crop(64)|flip_lr|randaug(2,15)|value_range(-1,1)",
    },
  },
  objective: { name: "sigmoid" },
  mixup: { alpha: 0.5 },
  schedule: { name: "linear", end: 1e-5, warmup: { percent: 0.1 } },
});
