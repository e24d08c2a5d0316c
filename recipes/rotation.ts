/**
 * Rotation: a network learns, without labels, to classify which of four rotations an image has (papers.md 10.1), a
 * small version of Kolesnikov et al., arXiv:1901.09005.
 *
 * Published, ResNet-50 on ImageNet without labels, transferred to VTAB with 1,000 examples per task: 60.5 % on average
 * over 19 tasks (natural 53.7, specialised 78.6, structured 57.3; from scratch 43.1, supervised 66.4). A linear layer
 * on the frozen features of the widest RevNet-50 classifies 55.4 % of ImageNet's test images correctly (from memory of
 * the paper, not checked). Reference settings: ResNet or RevNet 50, up to 4 times as wide, inception crops of 224,
 * batch 64 (256 images with the rotations), SGD with momentum 0.9, learning rate 0.1 per 256 images, an L2 penalty of
 * 1e-4 on kernels, 35 epochs, learning rate x 0.1 after 15 and 25, 5 epochs of warmup
 * (google/revisiting-self-supervised, config/rotation/imagenet.sh, models/resnet.py, trainer.py).
 *
 * The results below were measured with a decoupled weight decay of 1e-4 in place of the L2 penalty, which is half as
 * strong here.
 *
 * Results of this small version, trained on the 60,000 images of Tiny-ImageNet that were available (no labels; seed 0;
 * 25,600 images in four rotations each; 11 minutes of one busy core, EPYC 7001 series): 47.7 % of rotations are
 * classified correctly. Ridge on frozen features, the first 20 classes, 1,000 validation images, five draws, with the
 * 95 % interval; the same network before its first step; 16 x 16 pixels:
 *
 *   shots/class     rotation             random initialisation   pixels
 *   5               12.6 (12.1 to 13.2)   9.4 (8.8 to 10.1)      15.1 %
 *   25              15.9 (15.4 to 16.5)  10.5 (9.4 to 11.6)      18.7
 *   100             20.6 (19.0 to 22.2)  13.4 (12.1 to 14.6)     20.5
 *
 * Better than random features at every number of shots, no better than pixels: half an epoch is too short.
 *
 *   fovea train recipes/rotation.ts --data.train.source=tiny-imagenet-64/ --data.evaluation.source="tiny-imagenet-64/?take=500" \
 *     --data.evaluation.split=validation
 *   fovea fewshot runs/rotation "tiny-imagenet-64/?classNumbers=0-19" --test-split validation --shots 5,25,100
 */
import { defineRecipe } from "fovea/train";

const source = "embedded:clothing + embedded:sign-digits";

export default defineRecipe({
  name: "rotation",
  objective: { name: "rotation" },
  // four units of a quarter of the width of a ResNet-50, which train in minutes
  model: { name: "resnet", blocks: [1, 1, 1, 1], widthFactor: 0.25, groups: 8, imageSize: 48 },
  data: {
    train: { source, preprocessing: "decode|resize_small(54)|random_crop(48)|flip_lr|value_range(-1,1)" },
    evaluation: { source, preprocessing: "decode|resize_small(54)|central_crop(48)|value_range(-1,1)" },
  },
  batchSize: 32,
  total: { steps: 800 },
  optimizer: { name: "sgd", momentum: 0.9, learningRate: 0.05, l2Penalty: 1e-4, clipNorm: 5 },
  schedule: { name: "cosine", warmup: { percent: 0.1 } },
});
