/**
 * Distillation on small datasets (papers.md 7): Flowers at 128 px, the fast variant. Compared field by field with
 * big_vision's configs/proj/distill/bigsweep_flowers_pet.py:data=flowers,variant=fast (2025-05-19):
 *
 *   field           original                                   here
 *   images          oxford_flowers102 train                    the same
 *   preprocessing   decode|inception_crop(128)|flip_lr         the same
 *   student         bit_paper 50 x 1: nothing round the root's rootPoolPadding "none"
 *                   pooled image
 *   teacher         R152x2_T_flowers128.npz, run as bit_paper  the same file, with zeros there, as it was published
 *   distance        kl, t 10                                   the same
 *   batch, epochs   512, 10,000                                the same
 *   mixup           p 1                                        the same
 *   optimiser       scale_by_adam, lr 3e-3, clip 1             Adam, the same
 *   first moment    bfloat16                                   float16, scaled for each tensor
 *   decay           wd 3e-4, absolute, on kernels              the same
 *   schedule        cosine, 1,500 warm-up                      the same
 *
 * The other datasets and variants differ only in these numbers:
 *
 *   set      variant              epochs               temperature   rate                decay
 *   flowers  fast / medium / long 10k / 100k / 1M      10 / 1 / 1    3e-3 / 1e-3 / 3e-4  3e-4 / 1e-4 / 1e-5
 *   pet      fast / medium / long 1k / 3k / 30k        5 / 10 / 2    1e-2 / 3e-3 / 3e-3  1e-3 / 3e-4 / 1e-5
 *   food     fast / medium / long 100 / 1k / 3k        10 / 10 / 5   1e-2 / 1e-3 / 1e-2  1e-3 / 3e-4 / 1e-4
 *   sun      fast / medium / long 100 / 1k / 3k        10 / 10 / 10  1e-2 / 1e-3 / 1e-2  1e-3 / 1e-4 / 3e-5
 *
 * A student does not overfit in a million epochs, and keeps improving. Not run here.
 */
import { defineRecipe } from "fovea/train";

export default defineRecipe({
  model: { name: "resnet", variant: "R50x1", imageSize: 128, rootPoolPadding: "none" },
  objective: { name: "distillation", temperature: 10, teachers: [{ network: "R152x2_T_flowers128.npz" }] },
  data: {
    train: { source: "flowers/", preprocessing: "decode|inception_crop(128)|flip_lr|value_range(-1,1)" },
    evaluation: {
      source: "flowers/",
      split: "test",
      preprocessing: "decode|resize_small(160)|central_crop(128)|value_range(-1,1)",
    },
  },
  batchSize: 512,
  total: { epochs: 10_000 },
  mixup: { alpha: 1 },
  optimizer: { name: "adam", learningRate: 3e-3, weightDecay: 3e-4, clipNorm: 1, momentumDtype: "float16" },
  schedule: { name: "cosine", warmup: { steps: 1500 } },
});
