/**
 * S4L-Exemplar: a tenth of the labels, and all images in several views that are to stay together (papers.md 10.2, 10.4). The
 * small sibling of Zhai et al., "S4L", arXiv:1905.03670; supervised-10-percent.ts is the same without the images that have no
 * labels. 4 views here, to be done in minutes; published are 8.
 *
 * Published, ResNet50v2, 10 % of ImageNet's labels: top-1 62.17 %, top-5 83.71 % (labels alone: 56.36 and 80.42 %). Reference
 * settings: batch 512, 8 views of inception crops of 224, flips and noise in hue, saturation and value, an embedding of 1,000
 * numbers, rate 0.1, an L2 penalty of 1e-3, 200 epochs of the labelled images, a tenth after 140, 160 and 180, 10 of warmup.
 *
 * Figures of this small sibling: not yet run.
 *
 *   fovea train recipes/s4l-exemplar.ts --data.train.source="photos/?take=300&balanced=true" \
 *     --data.unlabelled.source=photos/ --data.evaluation.source=photos/
 */
import { defineRecipe } from "fovea/train";
import supervised from "./supervised-10-percent.js";

const views = 4;
const preprocessing = `views(${views}, "decode|inception_crop(48)|flip_lr|hsvnoise|value_range(-1,1)")`;

export default defineRecipe({
  ...supervised,
  objective: { name: "s4lExemplar", views, embedding: 1000 },
  data: {
    ...supervised.data,
    train: { ...supervised.data.train, preprocessing },
    unlabelled: { source: "embedded:clothing", preprocessing },
  },
});
