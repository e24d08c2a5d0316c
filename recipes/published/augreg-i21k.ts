/**
 * AugReg on ImageNet-21k (Steiner et al., arXiv:2106.10270; papers.md 5.8), as big_vision trains it today. Compared
 * field by field with its configs/vit_i21k.py (2025-05-19):
 *
 *   field           original                                   here
 *   images          imagenet21k full[51200:]                   all of the folder
 *   preprocessing   inception_crop(224)|flip_lr|randaug(2,10)  the same (light2)
 *   model           B/16, pool_type gap, posemb learn          the same
 *   head bias       -10                                        the same
 *   loss            sigmoid_xent                               the same
 *   batch, epochs   4096, 300                                  the same
 *   mixup           p 0.2 (light2)                             the same
 *   optimiser       scale_by_adam, lr 1e-3, clip 1             AdamW, the same
 *   first moment    bfloat16                                   float16, scaled for each tensor
 *   decay           wd 1e-4, absolute, on kernels              0.1, which AdamW multiplies by the rate 1e-3
 *   schedule        cosine, 10,000 warm-up                     the same
 *
 * No accuracy is published for this configuration. The published checkpoints pool by a class token and differ in
 * augmentation and decay; after fine-tuning at 384 px the recommended ones reach, top-1 on ImageNet-1k (papers.md
 * 1.10):
 *
 *   L/16    strong1   decay 0.1    85.59 %
 *   B/16    medium1   decay 0.1    85.49      here: augmentation "medium1", pooling "tok"
 *   S/16    light1    decay 0.03   83.73
 *   Ti/16   none      decay 0.03   78.22
 *
 * Not run here.
 */
import { augregRecipe, augregRecommended, defineRecipe } from "fovea/train";

const setting = augregRecipe({
  augmentation: augregRecommended.i21k["B/16"]!,
  regularisation: "none",
  weightDecay: 0.1,
});

export default defineRecipe({
  model: { name: "vit", variant: "B/16", pooling: "gap", headBiasInit: -10, ...setting.model },
  data: { train: { source: "imagenet21k/", preprocessing: setting.preprocessing } },
  objective: { name: "sigmoid" },
  batchSize: 4096,
  total: { epochs: 300 },
  mixup: setting.mixup,
  optimizer: { ...setting.optimizer, momentumDtype: "float16" },
  schedule: { name: "cosine", warmup: { steps: 10_000 } },
});
