/**
 * A small version of recipes/published/bit-m.ts: a ResNet with group norm and standardised weights, SGD with a learning
 * rate of 0.03 per 256 images that drops at one third, two thirds and eight ninths of the run ("Big Transfer",
 * arXiv:1912.11370; papers.md 2.4).
 *
 * Published: BiT-M R50x1 fine-tuned by the public code reaches 80.68 % top-1 on ImageNet-1k.
 *
 * This small version has not been run yet.
 *
 *   fovea train recipes/bit.ts --data.train.source=photos/ --data.evaluation.source=photos/
 */
import { defineRecipe } from "fovea/train";
import baseline from "./vit-baseline.js";

const batchSize = 64;
const epochs = 45;
/** The embedded photos of clothes. */
const stepsPerEpoch = Math.floor(3068 / batchSize);
const learningRate = (0.03 * batchSize) / 256;

export default defineRecipe({
  // four units of half the width of a ResNet-50
  model: { name: "resnet", blocks: [1, 1, 1, 1], widthFactor: 0.5, groups: 16, imageSize: 64 },
  data: {
    ...baseline.data,
    train: { ...baseline.data.train, preprocessing: "decode|inception_crop(64)|flip_lr|value_range(-1,1)" },
  },
  batchSize,
  total: { epochs },
  optimizer: { name: "sgd", momentum: 0.9, learningRate, l2Penalty: 1e-4 },
  schedule: {
    name: "stair",
    steps: [30, 60, 80].map((epoch) => Math.round((epoch / 90) * epochs * stepsPerEpoch)),
    mults: [0.1, 0.01, 0.001],
    warmup: { percent: 0.05 },
  },
  evaluate: { every: { percent: 0.2 } },
});
