/**
 * The smallest backbone of the package (models/tiny): bit-64.ts with five eighths of its channels, 0.9 million parameters, 3.6 MB in float32.
 *
 * Figures: models/tiny/README.md. 13,000 steps, 416,000 images (6.9 passes) in 58 minutes of one core beside bit-64.ts. Error on 1,024 validation
 * images by step: 2,600 1.727, 5,200 1.649, 7,800 1.569, 10,400 1.533, 13,000 1.527; on its training images 1.44. Few-shot mean in % by the side of the
 * test images: 64 42.5 / 49.9, 80 44.6 / 51.5, 96 44.3 / 52.3; without the third stage (`pooledStages`) 40.9 / 48.1, 43.8 / 50.5, 43.6 / 50.9. Before it a
 * hybrid of this size, 208,000 images of one crop each, had 37.8 / 42.8 at 64.
 *
 *   fovea train recipes/backbones/tiny.ts
 *   npx jiti scripts/ship-backbone.ts runs/tiny tiny --pooled-stages 3 --image-size 80
 */
import { defineRecipe } from "fovea/train";
import bit from "./bit-64.js";

export default defineRecipe({
  ...bit,
  name: "tiny",
  model: { name: "resnet", blocks: [1, 1, 2, 1], widthFactor: 0.3125, groups: 4, imageSize: 64 },
  total: { steps: 13_000 },
});
