// ViT with patch 4, width 128, depth 6 and 4 heads on Fashion-MNIST (60,000 training images, Debian's package
// dataset-fashion-mnist): the short recipe.
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
