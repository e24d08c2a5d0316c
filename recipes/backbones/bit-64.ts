/**
 * The first part of the training of bit.ts: a BiT ResNet, 2.3 million parameters, distilled from the features
 * of two networks trained on ImageNet.
 *
 * Figures: 24,000 steps, 768,000 images (12.8 passes, 6.4 over each crop) in 108 minutes, 57 of
 * them on one core beside other runs, 51 on both cores of an EPYC 7002. Error of both teachers' features on 1,024
 * validation images by step (2: predicting the mean): 2,400 1.723, 4,800 1.619, 9,600 1.509, 14,400 1.444, 19,200 1.399, 24,000
 * 1.384; on its training images 1.26. Mean few-shot accuracy over the seven datasets in %, with 5 / 10 examples per
 * class, by the side of the test images: 64 45.1 / 53.1, 80 47.3 / 55.6, 96 46.8 / 55.8, 112 47.7 / 56.4, 128 47.4 /
 * 56.7. Objects in crops of small images are large, so the network performs best at a larger size than in training
 * (Touvron et al., arXiv:1906.06423). Without the pooled stage it had 34.3 at 64 pixels after 20,000 images and 37.6
 * after 80,000 (schedules of that length).
 *
 *   fovea train recipes/backbones/bit-64.ts
 *
 * Images, teachers and the excluded near-duplicates are described in small.ts. Each image is used in two crops,
 * mirrored half of the time. The teachers run once on each crop (120,000 outputs at 100 images/s), and their features
 * of a crop are also used for its mirror image; the two differ by 0.24 (V2) and 0.31 (V1) of their variance.
 *
 * Pilots, 20,480 images, batch 32, one core each, side by side: error of both teachers' features on 1,024 validation
 * images, mean few-shot accuracy over the seven datasets at 64 / 96 pixels from 5 examples per class, seconds:
 *
 *   this ResNet                                                                    1.793    34.3 / 35.0    260
 *   hybrid: three stages of it, two blocks of width 384 on 16 tokens, MAP          1.808    29.7 / 30.2    295
 *
 *   this ResNet, the average of its weights (ema, half-life of 40 steps)           1.840
 *
 * and 6,400 images: 1.930, with mixup of 0.2 for teachers and student alike 1.934, at less than half of the speed: the
 * teachers' outputs for mixed images cannot be cached.
 *
 * So the ResNet got the longer training, without averages and mixup. Pooling its third stage too (`pooledStages`; no
 * additional parameters) adds 0.7 points at 5 and 0.9 at 10 shots (mean of clothing, textures, traffic and hand signs
 * after 107,000 images), pooling the second stage as well adds nothing.
 */
import { defineRecipe } from "fovea/train";
import small from "./small.js";

export default defineRecipe({
  ...small,
  name: "bit-64",
  model: { name: "resnet", blocks: [1, 1, 2, 1], widthFactor: 0.5, groups: 8, imageSize: 64 },
  data: { ...small.data, views: 2 },
  objective: { ...small.objective, mirror: true },
  total: { steps: 24_000 },
  checkpoint: { every: { percent: 0.02 }, keepLast: 2 },
});
