// AugReg on ImageNet-1k (Steiner et al., "How to train your ViT?", arXiv:2106.10270; papers.md 5.8): ViT-B/16 with the augmentation
// that big_vision recommends for it. Of the 28 settings another is one word away: `augregRecipe({ augmentation: "light1", ... })`.
//
// Published for this configuration: about 79 % top-1 for B/16 at 224 px (papers.md 11.5, an issue of big_vision). Not run here.
import { augregRecipe, augregRecommended, defineRecipe } from "fovea/train";

const setting = augregRecipe({
  augmentation: augregRecommended.i1k["B/16"]!,
  regularisation: "none",
  weightDecay: 0.1,
});

export default defineRecipe({
  model: { name: "vit", variant: "B/16", pooling: "tok", headBiasInit: -6.9, ...setting.model },
  data: {
    train: { source: "imagenet/", preprocessing: setting.preprocessing },
    evaluation: {
      source: "imagenet/",
      split: "validation",
      preprocessing: "decode|resize_small(256)|central_crop(224)|value_range(-1,1)",
    },
  },
  objective: { name: "sigmoid" },
  batchSize: 4096,
  total: { epochs: 300 },
  mixup: setting.mixup,
  optimizer: setting.optimizer,
  schedule: { name: "cosine", warmup: { steps: 10_000 } },
});
