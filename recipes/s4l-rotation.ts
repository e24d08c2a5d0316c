// S4L-Rotation: a tenth of the labels, and all images in their four turns (papers.md 10.4). The small sibling of Zhai et al.,
// "S4L", arXiv:1905.03670; supervised-10-percent.ts is the same without the images that have no labels.
//
// Published, ResNet50v2, 10 % of ImageNet's labels: top-1 61.37 %, top-5 83.85 % (labels alone: 56.36 and 80.42 %). Reference
// settings: 256 labelled and 256 unlabelled images a step, in four turns each, inception crops of 224, rate 0.03, weight decay
// 1e-3, 200 epochs of the labelled images, a tenth after 140, 160 and 180, 5 of warmup.
//
// Figures of this small sibling: not yet run.
//
//   fovea train recipes/s4l-rotation.ts --data.train.source="photos/?take=300&balanced=true" \
//     --data.unlabelled.source=photos/ --data.evaluation.source=photos/
import { defineRecipe } from "fovea/train";
import supervised from "./supervised-10-percent.js";

const { train } = supervised.data;

export default defineRecipe({
  ...supervised,
  objective: { name: "s4lRotation" },
  data: { ...supervised.data, unlabelled: { ...train, source: "embedded:clothing" } },
});
