// Distillation on small sets (papers.md 7): Flowers at 128 px, fast, medium and long. The other sets differ in these numbers alone:
//
//   set      variant              epochs               temperature   rate                decay
//   flowers  fast / medium / long 10k / 100k / 1M      10 / 1 / 1    3e-3 / 1e-3 / 3e-4  3e-4 / 1e-4 / 1e-5
//   pet      fast / medium / long 1k / 3k / 30k        5 / 10 / 2    1e-2 / 3e-3 / 3e-3  1e-3 / 3e-4 / 1e-5
//   food     fast / medium / long 100 / 1k / 3k        10 / 10 / 5   1e-2 / 1e-3 / 1e-2  1e-3 / 3e-4 / 1e-4
//   sun      fast / medium / long 100 / 1k / 3k        10 / 10 / 10  1e-2 / 1e-3 / 1e-2  1e-3 / 1e-4 / 3e-5
//
// Its point is patience: it does not overfit in a million epochs, and goes on getting better. Not run here.
import { defineRecipe } from "fovea/train";

export default defineRecipe({
  model: { name: "resnet", variant: "R50x1", imageSize: 128 },
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
