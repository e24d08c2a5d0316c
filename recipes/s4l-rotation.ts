/**
 * S4L-Rotation: 10 % of the labels, and all images in four rotations (papers.md 10.4). A small version of Zhai et al.,
 * "S4L", arXiv:1905.03670; supervised-10-percent.ts is the same without the unlabelled images.
 *
 * Published, ResNet50v2, 10 % of ImageNet's labels: top-1 61.37 %, top-5 83.85 % (labels alone: 56.36 and 80.42 %).
 * Reference settings: 256 labelled and 256 unlabelled images per step, in four rotations each, inception crops of 224,
 * learning rate 0.03, weight decay 1e-3, 200 epochs of the labelled images, learning rate x 0.1 after 140, 160 and 180,
 * 5 epochs of warmup.
 *
 * The results below were measured with a decoupled weight decay of 1e-3 in place of the L2 penalty, which is 0.3 times
 * as strong here.
 *
 * Results of this small version, on the first 20 classes of Tiny-ImageNet, 600 of 6,000 training images with their
 * labels, 1,000 validation images, 600 steps of 32 labelled images (and 32 without labels, in four rotations); seeds 0,
 * 1, 2; one core, EPYC 7001 series, busy:
 *
 *   supervised-10-percent.ts   27.4, 27.2, 25.7 %   mean 26.8   1.7 minutes per seed
 *   s4l-rotation.ts            29.4, 27.8, 27.2     mean 28.1   10 minutes
 *
 * Better with every seed, by 1.4 points on average (95 % interval of the paired difference over three seeds: -0.4 to
 * 3.1).
 *
 *   labels="tiny-imagenet-64/?classNumbers=0-19&take=600&balanced=true"
 *   fovea train recipes/s4l-rotation.ts --data.train.source="$labels" --seed=0 \
 *     --data.unlabelled.source="tiny-imagenet-64/?classNumbers=0-19" \
 *     --data.evaluation.source="tiny-imagenet-64/?classNumbers=0-19" --data.evaluation.split=validation
 */
import { defineRecipe } from "fovea/train";
import supervised from "./supervised-10-percent.js";

const { train } = supervised.data;

export default defineRecipe({
  ...supervised,
  objective: { name: "s4lRotation" },
  data: { ...supervised.data, unlabelled: { ...train, source: "embedded:clothing" } },
});
