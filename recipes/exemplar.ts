/**
 * Exemplar: a network learns, without labels, which views show the same image, by a triplet loss (papers.md 10.2), a
 * small version of Kolesnikov et al., arXiv:1901.09005, with the loss of Zhai et al., arXiv:1905.03670.
 *
 * Published, ResNet-50 on ImageNet without labels, transferred to VTAB with 1,000 examples per task: 58.0 % on average
 * over 19 tasks (natural 48.9, specialised 78.4, structured 55.8; from scratch 43.1, supervised 66.4). A linear layer
 * on the frozen features of the best network classifies 46.0 % of ImageNet's test images correctly (from memory of the
 * paper, not checked). Reference settings: 8 views per image (inception crops of 224, flips, noise in hue, saturation
 * and value), an embedding of 1,000, SGD with momentum 0.9 and an L2 penalty of 1e-4; learning rate and length as in
 * rotation.ts, whose remark on the results also applies here.
 *
 * Results of this small version, as for rotation.ts (the same images, network, seed and draws; 25,600 images in four
 * views; 14 minutes of one busy core): ridge on frozen features
 *
 *   shots/class     exemplar             random initialisation   pixels
 *   5               10.0 (9.3 to 10.6)    9.4 (8.8 to 10.1)      15.2 %
 *   25              13.7 (11.7 to 15.6)  10.5 (9.4 to 11.6)      19.0
 *   100             17.0 (15.0 to 18.9)  13.4 (12.1 to 14.6)     20.8
 *
 * Better than random features from 25 shots on; at 5 the intervals overlap. The loss stays at 0.70, just above the ln 2
 * = 0.693 of an embedding that has collapsed: the learning rate suits rotation better.
 *
 *   fovea train recipes/exemplar.ts --data.train.source=tiny-imagenet-64/ --data.evaluation.source="tiny-imagenet-64/?take=256" \
 *     --data.evaluation.split=validation
 *   fovea fewshot runs/exemplar "tiny-imagenet-64/?classNumbers=0-19" --test-split validation --shots 5,25,100
 */
import { defineRecipe } from "fovea/train";
import rotation from "./rotation.js";

const { source } = rotation.data.train;
const views = 'decode|views(4,"inception_crop(48)|flip_lr|hsvnoise")|value_range(-1,1)';

export default defineRecipe({
  ...rotation,
  name: "exemplar",
  objective: { name: "exemplar", views: 4, embedding: 256 },
  // the evaluation also draws views, the same ones every time
  data: { train: { source, preprocessing: views }, evaluation: { source, preprocessing: views } },
});
