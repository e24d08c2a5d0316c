/**
 * Jigsaw: a network learns, without labels, to classify the order of shuffled patches (papers.md 10.3), a small version
 * of Kolesnikov et al., arXiv:1901.09005.
 *
 * Published, ResNet-50 on ImageNet without labels, transferred to VTAB with 1,000 examples per task: 52.5 % on average
 * over 19 tasks (natural 44.0, specialised 76.5, structured 47.9; from scratch 43.1, supervised 66.4). A linear layer
 * on the frozen features of the best network classifies 44.6 % of ImageNet's test images correctly (from memory of the
 * paper, not checked). Reference settings: images of 292, random crop of 255, grey with probability 0.66, patches of 64
 * in cells of 85, standardised each; an embedding of 1,000, a hidden layer of 4,096, 8 of 100 orders per step.
 *
 * This small version has not been run yet.
 *
 *   fovea train recipes/jigsaw.ts --data.train.source=photos/ --data.evaluation.source=photos/
 *   fovea fewshot runs/jigsaw embedded:clothing
 */
import { defineRecipe } from "fovea/train";
import rotation from "./rotation.js";

const { source } = rotation.data.train;

export default defineRecipe({
  ...rotation,
  name: "jigsaw",
  objective: { name: "jigsaw", embedding: 128, hidden: 512 },
  // The head is penalised five times as much: 5e-4 (google/revisiting-self-supervised, self_supervision/patch_utils.py, fully_connected).
  optimizer: {
    ...rotation.optimizer,
    weightDecayPatterns: [
      ["objective/head/.*/kernel", 5],
      [".*/kernel", 1],
    ],
  },
  // three stages reduce patches of 24 pixels to 2 x 2 positions
  model: { name: "resnet", blocks: [1, 1, 1], widthFactor: 0.5, groups: 16, imageSize: 24 },
  data: {
    train: {
      source,
      preprocessing: "decode|resize_small(96)|random_crop(84)|grey_random|patch_grid(3,28,24)|standardise(24)",
    },
    evaluation: {
      source,
      preprocessing: "decode|resize_small(96)|central_crop(84)|patch_grid(3,28,24,place=centre)|standardise(24)",
    },
  },
});
