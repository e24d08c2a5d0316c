// The usual backbone of the package (models/bit): a BiT ResNet, 2.3 million parameters, taught the features of two networks for ImageNet.
//
// FIGURES
//
//   fovea train recipes/backbones/bit.ts
//
// Images, teachers and the near-duplicates that are left out: small.ts. Each image comes in two crops, and half of the time in the mirror:
// the teachers are asked about each crop once (120,000 answers, at 100 images/s of a core and a half), and their features of a crop stand
// for those of its mirror image, which differ by MIRROR of their variance.
//
// Pilots, 20,480 images, batch 32, one core each, side by side: error of both teachers' features on 1,024 validation images, mean few-shot
// accuracy over the seven sets at 64 / 96 pixels from 5 examples a class, seconds:
//
//   this ResNet                                                                    1.793    34.3 / 35.0    260
//   hybrid: three stages of it, two blocks of width 384 on 16 tokens, MAP          1.808    29.7 / 30.2    295
//
// So it was the ResNet that was given the patience. Pooling its third stage too (`pooledStages`; no parameter more) is worth 0.7 points at 5
// and 0.9 at 10 shots (mean of clothing, textures, traffic and hand signs after 107,000 images), the second as well nothing more.
import { defineRecipe } from "fovea/train";
import small from "./small.js";

export default defineRecipe({
  ...small,
  name: "bit",
  model: { name: "resnet", blocks: [1, 1, 2, 1], widthFactor: 0.5, groups: 8, imageSize: 64 },
  data: { ...small.data, views: 2 },
  objective: { ...small.objective, mirror: true },
  total: { steps: 24_000 },
  checkpoint: { every: { percent: 0.02 }, keepLast: 2 },
});
