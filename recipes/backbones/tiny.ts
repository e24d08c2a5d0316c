// The smallest shipped backbone (models/tiny): a hybrid, 0.93 million parameters, 3.7 MB in float32.
//
// Figures: models/tiny/README.md. 6,500 steps, 208,000 images (3.5 epochs) in 31 minutes of one core beside small.ts (7 of them stopped),
// the teachers' answers known beforehand. Error on 1,024 validation images by step: 650 1.919, 1,950 1.763, 3,250 1.690, 4,550 1.629,
// 6,500 1.606; on its training images 1.48. Few-shot mean of seven sets 37.8 / 42.8 % at 64 pixels, 38.1 / 43.3 at 96.
//
// Tried in vain: 1,200 more steps from it on new crops (seed 1, learning rate 1e-3; the projections to the teachers began anew): 36.8 /
// 42.2, and the mean of both weights 37.5 / 43.2.
//
//   fovea train recipes/backbones/tiny.ts
import { defineRecipe } from "fovea/train";
import small from "./small.js";

export default defineRecipe({
  ...small,
  name: "tiny",
  model: {
    name: "vit",
    stem: { kind: "resnet", blocks: [1, 1], widthFactor: 0.375, groups: 8 },
    patchSize: 2,
    width: 144,
    depth: 2,
    heads: 4,
    mlpDim: 576,
    pooling: "map",
    imageSize: 64,
  },
  total: { steps: 6500 },
});
