/**
 * Patient and consistent distillation on ImageNet-1k (Beyer et al., arXiv:2106.05237; papers.md 7): R50x1 learns the
 * function of R152x2 without labels; teacher and student take the same crop and the same mixture as input. Compared
 * field by field with big_vision's configs/proj/distill/bit_i1k.py (2025-05-19):
 *
 *   field           original                                   here
 *   images          imagenet2012 train[:98%]                   all of train
 *   preprocessing   inception_crop(224)|flip_lr                the same
 *   student         bit_paper 50 x 1: nothing round the root's rootPoolPadding "none"
 *                   pooled image
 *   teacher         R152x2_T_224.npz, run as bit_paper         the same file, with zeros there, as it was published
 *   distance        kl, t 1                                    the same
 *   batch, epochs   4096, 1200                                 the same
 *   mixup           p 1                                        the same
 *   optimiser       scale_by_adam, lr 0.03, clip 1             Adam, the same
 *   first moment    bfloat16                                   float16, scaled for each tensor
 *   decay           wd 3e-4, absolute, on kernels              the same
 *   schedule        cosine, 5,000 warm-up                      the same
 *
 * Published: 82.8 % top-1 at 224 px, 80.5 at 160 (the teachers: 83.0 at 224 px, 84.3 at 384). The configuration's
 * default is 1,200 epochs; the longest run had 9,600. Not run here.
 */
import { defineRecipe } from "fovea/train";

export default defineRecipe({
  model: { name: "resnet", variant: "R50x1", rootPoolPadding: "none" },
  objective: { name: "distillation", temperature: 1, teachers: [{ network: "R152x2_T_224.npz" }] },
  data: {
    train: { source: "imagenet/", preprocessing: "decode|inception_crop(224)|flip_lr|value_range(-1,1)" },
    evaluation: {
      source: "imagenet/",
      split: "validation",
      preprocessing: "decode|resize_small(256)|central_crop(224)|value_range(-1,1)",
    },
  },
  batchSize: 4096,
  total: { epochs: 1200 },
  mixup: { alpha: 1 },
  optimizer: { name: "adam", learningRate: 0.03, weightDecay: 3e-4, clipNorm: 1, momentumDtype: "float16" },
  schedule: { name: "cosine", warmup: { steps: 5000 } },
});
