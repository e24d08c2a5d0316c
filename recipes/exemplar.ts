// Exemplar: which views are of one picture? Learnt without labels by a triplet loss (papers.md 10.2), the small sibling of
// Kolesnikov et al., arXiv:1901.09005, with the loss of Zhai et al., arXiv:1905.03670.
//
// Published, ResNet-50 on ImageNet without labels, transferred to VTAB with 1,000 examples a task: 58.0 % on average over 19
// tasks (natural 48.9, specialised 78.4, structured 55.8; from scratch 43.1, supervised 66.4). A linear layer on the frozen
// features of the best network names 46.0 % of ImageNet's test images (from memory of the paper, not checked).
// Reference settings: 8 views an image (inception crops of 224, flips, noise in hue, saturation and value), an embedding of
// 1,000, SGD with momentum 0.9 and weight decay 1e-4; rate and length as in rotation.ts.
//
// Figures of this small sibling: not yet run.
//
//   fovea train recipes/exemplar.ts --data.train.source=photos/ --data.evaluation.source=photos/
//   fovea fewshot runs/exemplar embedded:clothing
import { defineRecipe } from "fovea/train";
import rotation from "./rotation.js";

const { source } = rotation.data.train;
const views = 'decode|views(4,"inception_crop(48)|flip_lr|hsvnoise")|value_range(-1,1)';

export default defineRecipe({
  ...rotation,
  name: "exemplar",
  objective: { name: "exemplar", views: 4, embedding: 256 },
  // the evaluation draws views too: the same ones every time
  data: { train: { source, preprocessing: views }, evaluation: { source, preprocessing: views } },
});
