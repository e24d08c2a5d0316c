/**
 * A small version of recipes/published/vit-g.ts: attention pooling, the Adafactor variant, a reciprocal square root
 * with cool-down, and a head that decays a hundred times as fast as the body ("Scaling Vision Transformers",
 * arXiv:2106.04560; papers.md 8).
 *
 * Published for G/14 on JFT-3B: 90.45 % top-1 on ImageNet-1k after fine-tuning.
 *
 * This small version has not been run yet.
 *
 *   fovea train recipes/vit-g.ts --data.train.source=photos/ --data.evaluation.source=photos/
 */
import { defineRecipe } from "fovea/train";
import baseline from "./vit-baseline.js";

export default defineRecipe({
  ...baseline,
  model: { ...baseline.model, pooling: "map", posEmbedding: "learn", preLogits: false, headBiasInit: -2.3 },
  data: {
    ...baseline.data,
    train: { ...baseline.data.train, preprocessing: "decode|inception_crop(64)|flip_lr|value_range(-1,1)" },
  },
  objective: { name: "sigmoid" },
  mixup: { alpha: 0 },
  optimizer: {
    name: "adafactor",
    learningRate: 8e-4,
    weightDecay: 0.03 * 8e-4,
    weightDecayPatterns: [
      ["head/kernel", 100],
      [".*/kernel", 1],
    ],
    clipNorm: 1,
  },
  // the reference warms up for 1 % of its million steps, cools down for 5 %, and halves the rate every time the steps fourfold from 1 %
  schedule: { name: "rsqrt", timescale: 100, warmup: { steps: 100 }, cooldown: { percent: 0.2 } },
});
