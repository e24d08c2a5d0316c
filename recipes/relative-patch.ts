/**
 * Relative patch location: a network learns, without labels, to classify the position of a patch relative to the centre
 * (papers.md 10.3), a small version of Kolesnikov et al., arXiv:1901.09005.
 *
 * Published, ResNet-50 on ImageNet without labels, transferred to VTAB with 1,000 examples per task: 53.5 % on average
 * over 19 tasks (natural 46.0, specialised 76.6, structured 48.4; from scratch 43.1, supervised 66.4). A linear layer
 * on the frozen features of the best network classifies 51.4 % of ImageNet's test images correctly (from memory of the
 * paper, not checked). Reference settings: patches, embedding and head as in jigsaw.ts, with 8 classes.
 *
 * This small version has not been run yet.
 *
 *   fovea train recipes/relative-patch.ts --data.train.source=photos/ --data.evaluation.source=photos/
 *   fovea fewshot runs/relative-patch embedded:clothing
 */
import { defineRecipe } from "fovea/train";
import jigsaw from "./jigsaw.js";

export default defineRecipe({
  ...jigsaw,
  name: "relative-patch",
  objective: { name: "relativePatch", embedding: 128, hidden: 512 },
});
