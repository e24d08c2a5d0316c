// The smallest backbone of the package (models/tiny): bit.ts with five eighths of its channels, 0.9 million parameters, 3.6 MB in float32.
//
// FIGURES
//
//   fovea train recipes/backbones/tiny.ts
import { defineRecipe } from "fovea/train";
import bit from "./bit.js";

export default defineRecipe({
  ...bit,
  name: "tiny",
  model: { name: "resnet", blocks: [1, 1, 2, 1], widthFactor: 0.3125, groups: 4, imageSize: 64 },
  total: { steps: 13_000 },
});
