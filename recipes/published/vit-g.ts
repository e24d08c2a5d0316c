/**
 * ViT-g/14 upstream (Zhai et al., "Scaling Vision Transformers", arXiv:2106.04560; papers.md 8); G/14 is the same with
 * `variant: "G/14"`. Compared field by field with big_vision's configs/proj/scaling_laws/train_vit_g.py (2025-05-19):
 *
 *   field           original                                   here
 *   images          JFT-3B, 29,593 classes                     ImageNet-21k: JFT is not public
 *   preprocessing   inception_crop(224)|flip_lr                the same
 *   model           g/14, pool_type map, head bias -10         the same, with rematerialised blocks
 *   loss            sigmoid_xent (the trainer's default)       the same
 *   batch, steps    4096 x 4, 1,000,000                        the same
 *   optimiser       scale_by_adafactor, lr 8e-4, clip 1        the same
 *   momentum        bfloat16                                   float16, scaled for each tensor
 *   decay           wd 0.03 x 8e-4, absolute                   the same
 *   of the head     100 times that of other kernels            the same
 *   schedule        rsqrt, timescale 10,000, 10,000 warm-up,   the same
 *                   50,000 cool-down
 *
 * Published for G/14 on JFT-3B: 90.45 % top-1 on ImageNet-1k after fine-tuning, 84.86 % from ten images per class. Not
 * run here: JFT is not public, and the model takes four gigabytes of weights (G/14 eight).
 */
import { defineRecipe } from "fovea/train";

export default defineRecipe({
  model: { name: "vit", variant: "g/14", pooling: "map", headBiasInit: -10, rematerialise: true },
  data: { train: { source: "imagenet21k/", preprocessing: "decode|inception_crop(224)|flip_lr|value_range(-1,1)" } },
  objective: { name: "sigmoid" },
  batchSize: 4096 * 4,
  total: { steps: 1_000_000 },
  optimizer: {
    name: "adafactor",
    learningRate: 8e-4,
    // 0.03 of the learning rate for the body and 3.0 for the head
    weightDecay: 0.03 * 8e-4,
    weightDecayPatterns: [
      [".*head/kernel", 100],
      [".*/kernel", 1],
    ],
    clipNorm: 1,
  },
  schedule: { name: "rsqrt", timescale: 10_000, warmup: { steps: 10_000 }, cooldown: { steps: 50_000 } },
});
