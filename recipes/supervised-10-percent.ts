/**
 * A tenth of the labels and nothing else: what semi-supervised learning is measured against (papers.md 10.4). A small
 * version of the supervised baseline of Zhai et al., "S4L", arXiv:1905.03670; s4l-rotation.ts, s4l-exemplar.ts and
 * vat.ts learn from the same 300 labelled photos and from all 3,068 without labels.
 *
 * Published, ResNet50v2, 10 % of ImageNet's labels (128,000 images, as many of each class): top-1 56.36 %, top-5 80.42
 * %; 1 % of them: top-5 48.31 %, top-1 25.09 %. Reference settings: inception crops of 224, flips, batch 256, SGD with
 * momentum, learning rate 0.1 per 256 images, an L2 penalty of 1e-3 on kernels (google-research/s4l, config/,
 * trainer.py), 200 epochs, learning rate x 0.1 after 140, 160 and 180, 5 epochs of warmup.
 *
 * Results of this small version: 26.8 % on 20 classes of Tiny-ImageNet; s4l-rotation.ts has the setting, the seeds and
 * the cost.
 *
 *   fovea train recipes/supervised-10-percent.ts --data.train.source="photos/?take=300&balanced=true" --data.evaluation.source=photos/
 */
import { defineRecipe } from "fovea/train";

export default defineRecipe({
  // four units of a quarter of the width of a ResNet-50
  model: { name: "resnet", blocks: [1, 1, 1, 1], widthFactor: 0.25, groups: 8, imageSize: 48 },
  data: {
    train: {
      source: "embedded:clothing?take=300&balanced=true",
      preprocessing: "decode|resize_small(54)|random_crop(48)|flip_lr|value_range(-1,1)",
    },
    evaluation: {
      source: "embedded:clothing",
      preprocessing: "decode|resize_small(54)|central_crop(48)|value_range(-1,1)",
    },
  },
  batchSize: 32,
  total: { steps: 600 },
  optimizer: { name: "sgd", momentum: 0.9, learningRate: 0.03, l2Penalty: 1e-3, clipNorm: 5 },
  schedule: { name: "cosine", warmup: { percent: 0.05 } },
  evaluate: { every: { percent: 0.5 } },
});
