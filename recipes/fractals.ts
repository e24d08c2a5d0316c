/**
 * FractalDB's idea at a small scale: a small ViT learns to classify images of 50 iterated function systems at 64 px,
 * without natural images, and is transferred afterwards (`fovea fewshot runs/fractals embedded:sign-digits`).
 *
 * It has not been run yet, so there is no accuracy to report. It is sized for a few minutes on two cores.
 *
 * Published, at full scale: DeiT-Ti pre-trained on FractalDB reaches 97.6 % on CIFAR-10 when fine-tuned, ImageNet
 * pre-training 98.0 % (Nakashima et al. 2021, "Can Vision Transformers Learn without Natural Images?", abstract). For
 * FractalDB-1k 96.8 % is from memory and not checked against the paper. Neither is comparable with a run of this
 * recipe, which differs in everything but the idea: 50 systems instead of 1,000 or 10,000, 100 instances instead of
 * 1,000, 64 px instead of 224, 96 px renderings instead of 362.
 */
import { defineRecipe } from "fovea/train";

// The number of points is proportional to the area: 200,000 for 362 x 362.
const fractals = (instances: number) =>
  `generated:fractals?categories=50&instances=${instances}&size=96&points=14000&padding=4`;

export default defineRecipe({
  model: {
    name: "vit",
    patchSize: 8,
    width: 128,
    depth: 4,
    heads: 4,
    mlpDim: 512,
    imageSize: 64,
    channels: 1,
    pooling: "gap",
    posEmbedding: "sincos2d",
  },
  data: {
    train: { source: fractals(100), preprocessing: "decode|grey|random_crop(64)|flip_lr|value_range(-1,1)" },
    // The split test shows the same systems in other points, patches and weightings.
    evaluation: {
      source: fractals(10),
      split: "test",
      preprocessing: "decode|grey|central_crop(64)|value_range(-1,1)",
    },
  },
  batchSize: 64,
  total: { epochs: 20 },
  // FractalDB's ResNet trains with SGD and an L2 penalty (recipes/published/fractaldb-1k.ts); transformers this small train better with AdamW.
  optimizer: { name: "adamw", learningRate: 1e-3, weightDecay: 0.05, clipNorm: 1 },
  schedule: { name: "cosine", warmup: { percent: 0.1 } },
});
