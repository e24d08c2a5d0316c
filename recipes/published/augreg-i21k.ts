// AugReg on ImageNet-21k (papers.md 5.8): 300 epochs of the recipe whose checkpoints are published. After fine-tuning at 384 px the best of
// them reach (papers.md 1.10): Ti/16 78.22 %, S/16 83.73, B/16 85.49, L/16 85.59 top-1 on ImageNet-1k. Not run here.
import { augregRecipe, augregRecommended, defineRecipe } from "fovea/train";

const setting = augregRecipe({
  augmentation: augregRecommended.i21k["B/16"]!,
  regularisation: "none",
  weightDecay: 0.03,
});

export default defineRecipe({
  model: { name: "vit", variant: "B/16", pooling: "tok", headBiasInit: -10, ...setting.model },
  data: { train: { source: "imagenet21k/", preprocessing: setting.preprocessing } },
  objective: { name: "sigmoid" },
  batchSize: 4096,
  total: { epochs: 300 },
  mixup: setting.mixup,
  optimizer: setting.optimizer,
  schedule: { name: "cosine", warmup: { steps: 10_000 } },
});
