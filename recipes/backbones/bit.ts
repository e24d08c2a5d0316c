// The convolutional shipped backbone (models/bit): a BiT ResNet of the cost of small.ts, for comparison, 2.3 million parameters.
//
// Figures: models/bit/README.md. 2,500 steps, 80,000 images (1.3 epochs) in 23 minutes of one core beside two other runs: less patience than
// small.ts, whose error was the same (1.70) after 2,800 steps. Error on 1,024 validation images 1.704; 29.5 % of
// them are nearer to their own answer than to the others of their 32 (small.ts 50.6 %).
//
//   fovea train recipes/backbones/bit.ts
import { defineRecipe } from "fovea/train";
import small from "./small.js";

export default defineRecipe({
  ...small,
  name: "bit",
  model: { name: "resnet", blocks: [1, 1, 2, 1], widthFactor: 0.5, groups: 8, imageSize: 64 },
  total: { steps: 2500 },
});
