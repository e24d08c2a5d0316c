/**
 * S4L-Exemplar: 10 % of the labels, and all images in several views whose embeddings are trained to lie close together
 * (papers.md 10.2, 10.4). A small version of Zhai et al., "S4L", arXiv:1905.03670; supervised-10-percent.ts is the same
 * without the unlabelled images. This recipe uses 4 views, so that it takes minutes; the published number is 8.
 *
 * Published, ResNet50v2, 10 % of ImageNet's labels: top-1 62.17 %, top-5 83.71 % (labels alone: 56.36 and 80.42 %).
 * Reference settings: batch 512, 8 views of inception crops of 224, flips and noise in hue, saturation and value, an
 * embedding of 1,000 numbers, learning rate 0.1, an L2 penalty of 1e-3, 200 epochs of the labelled images, learning
 * rate x 0.1 after 140, 160 and 180, 10 epochs of warmup.
 *
 * This small version has not been run yet.
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
