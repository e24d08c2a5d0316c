/**
 * A small network that learns from labels: the baseline for distillation.ts, which trains the same network with a
 * teacher.
 *
 * 26.4 % on 20 classes of Tiny-ImageNet with 30 labels each, 39.3 % with 300: see distillation.ts for the setting and
 * its costs.
 *
 *   fovea train recipes/student.ts --data.train.source=photos/ --data.evaluation.source=photos/
 */
import { defineRecipe } from "fovea/train";

export default defineRecipe({
  // four units of a quarter of the width of a ResNet-50
  model: { name: "resnet", blocks: [1, 1, 1, 1], widthFactor: 0.25, groups: 8, imageSize: 48 },
  data: {
    train: {
      source: "embedded:clothing",
      preprocessing: "decode|resize_small(54)|random_crop(48)|flip_lr|value_range(-1,1)",
    },
    evaluation: {
      source: "embedded:clothing",
      preprocessing: "decode|resize_small(54)|central_crop(48)|value_range(-1,1)",
    },
  },
  batchSize: 64,
  total: { steps: 700 },
  optimizer: { name: "adamw", learningRate: 2e-3, weightDecay: 0.05, clipNorm: 1 },
  schedule: { name: "cosine", warmup: { percent: 0.1 } },
  evaluate: { every: { percent: 0.5 } },
});
