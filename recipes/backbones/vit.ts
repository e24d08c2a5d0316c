/**
 * The plain Vision Transformer of the package (models/vit): patches of 8 x 8 pixels, learned positions, the mean over tokens. It is a network to look
 * into (`fovea inspect embedded:vit`) rather than to classify with: `embedded:bit` has better features.
 *
 * It is the largest ViT of the grid that studies share, at the scale hours, on all images with seed 0 (src/studies/framework/grid.ts): the same
 * recipe, seed and images, for twice as long. Result: 16.8 % of 5,000 held-out images of 200 classes after 640,000 images (10.7 epochs), in 40 minutes of one core beside
 * other programs. Few-shot accuracy: models/vit/README.md.
 *
 *   fovea train recipes/backbones/vit.ts
 *   npx jiti scripts/ship-backbone.ts runs/vit vit --recipe recipes/backbones/vit.ts
 */
import { defineRecipe } from "fovea/train";

const source = "data/tiny-imagenet-64/";

export default defineRecipe({
  name: "vit",
  model: { name: "vit", patchSize: 8, width: 128, depth: 6, heads: 4, mlpDim: 512, imageSize: 32 },
  data: {
    train: { source, split: "train", preprocessing: "decode|inception_crop(32,25,100)|flip_lr|value_range(-1,1)" },
    evaluation: {
      source: `${source}?take=5000&balanced=true`,
      split: "validation",
      preprocessing: "decode|resize_small(32)|central_crop(32)|value_range(-1,1)",
    },
    workers: 1,
    cacheBytes: 2 ** 30,
  },
  batchSize: 64,
  seed: 0,
  total: { examples: 640_000 },
  objective: { name: "softmax" },
  optimizer: { name: "adamw", learningRate: 1e-3, weightDecay: 0.05, clipNorm: 1 },
  schedule: { name: "constant", warmup: { percent: 0.05 } },
  average: { name: "ema", halfLife: { percent: 0.025 } },
  evaluate: { every: { percent: 0.125 } },
  checkpoint: { every: { percent: 0.125 } },
});
