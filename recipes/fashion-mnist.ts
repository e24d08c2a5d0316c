/**
 * ViT with patch 4, width 128, depth 6 and 4 heads on Fashion-MNIST (60,000 training images, Debian's package
 * dataset-fashion-mnist): the short recipe.
 *
 * Reaches 88.6 % test accuracy (79.7, 84.2, 86.8, 87.8 and 88.6 after each epoch; one run, seed 0) in 25 minutes on two
 * cores of an AMD EPYC (7003 series): 305 seconds per epoch with its evaluation, measured over the last three epochs;
 * the first two shared the machine with other work.
 */
import { defineRecipe } from "fovea/train";

export default defineRecipe({
  model: {
    name: "vit",
    patchSize: 4,
    width: 128,
    depth: 6,
    heads: 4,
    mlpDim: 512,
    imageSize: 28,
    channels: 1,
    pooling: "gap",
    posEmbedding: "sincos2d",
  },
  data: {
    train: {
      source: "/usr/share/datasets/fashion-mnist",
      preprocessing: "decode|grey|flip_lr|value_range(-1,1)",
    },
    evaluation: {
      source: "/usr/share/datasets/fashion-mnist",
      preprocessing: "decode|grey|value_range(-1,1)",
    },
  },
  batchSize: 64,
  microbatches: 2,
  total: { epochs: 5 },
  optimizer: { name: "adamw", learningRate: 1e-3, weightDecay: 0.05, clipNorm: 1 },
  schedule: { name: "cosine", warmup: { percent: 0.05 } },
});
