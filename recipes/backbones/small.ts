/**
 * The Vision Transformer of the package (models/small): a hybrid, a ResNet stem of two units before four blocks, 2.5
 * million parameters. The ResNet of bit.ts is the default backbone.
 *
 * Figures: models/small/README.md. 6,000 steps, 192,000 images (3.2 epochs) in 57 minutes of one core beside two other
 * runs (EPYC 7002 series, two cores), the teachers' outputs cached in advance (60,000 at 100 images/s: 10 minutes of
 * both cores). Error of both teachers' features on 1,024 validation images by step: 600 1.877, 1,800 1.762, 3,000
 * 1.688, 4,200 1.642, 5,400 1.603, 6,000 1.597; on its training images 1.48 at the end: a second view of each would
 * have helped. Mean few-shot accuracy over seven datasets 38.2 / 43.5 % at 64 pixels, 38.6 / 44.1 at 96. The first
 * 30,000 images of the pilots gave 29.2: about 3.3 points per doubling.
 *
 *   fovea train recipes/backbones/small.ts
 *
 * Images: Tiny-ImageNet, 60,000 of 200 classes at 64 pixels; the labels are not used. The 37 images of
 * near-duplicates.txt are excluded: `fovea dedup` joins 10 of them to an image of the seven datasets that the backbones
 * are measured on (one is the same photograph, a yellow flower of flowers5-96; the others only look alike) and 27 to
 * another upstream image.
 *
 *   fovea dedup data/tiny-imagenet-64 --split train --against SETS --exclude recipes/backbones/near-duplicates.txt
 *
 * Teachers: MobileNetV1-0.75 (768 features) and MobileNetV2-1.0 (1,280), trained on ImageNet, run on the student's
 * crops at 128 pixels. The upper limit of what they can teach, as the mean few-shot accuracy over the seven datasets (5
 * / 10 shots, 5 seeds; `fovea compare`): from images of 64 pixels V1 50.7 / 58.6, V2 48.8 / 55.7, 3 points less at 96
 * pixels of input; both together on the full images 54.6 / 63.1.
 *
 * Pilots, 30,080 images of one epoch each (few-shot means as above; raw pixels have 28.3 / 33.4):
 *
 *   a plain 192-wide ViT of 3 layers behind three convolutions, batch 64, learning rate 5e-4     25.2 / 28.0
 *   learning rate 2e-3                                                                          26.7 / 29.5
 *   learning rate 5e-3, beta2 0.95                                                              27.5 / 30.3
 *   learning rate 2e-3, batch 32, beta2 0.98                                                    29.2 / 32.2
 *   labels (softmax) in place of teachers                                                       16.7 / 17.2
 *
 * and 15,040 images each, batch 32, one core each, two at a time: the error of both teachers' standardised features on
 * 1,024 validation images (2: predicting the mean), how often the teacher's features of the same image are the nearest of 32,
 * seconds:
 *
 *   patches of 16 pixels, 3 layers of 192                                          1.964   4.8 %    98
 *   convolutions 16, 32, 64 of stride 2, patches of 2 on their map                 1.922   6.1 %   123
 *   convolutions 32, 64, 128                                                       1.917   6.2 %   132
 *   convolutions 16, 32, 64, pooled by attention (MAP) and not by the mean         1.911   6.6 %   117
 *   convolutions 16, 32, 64, learning rate 4e-3                                    1.923   5.5 %   106
 *   convolutions 16, 32, 64, patches of 1: 64 tokens of width 128                  1.963   4.4 %   176
 *   hybrid: a ResNet unit (root 32), patches of 4 on its map                       1.878   7.8 %   166
 *   BiT ResNet, units 1 1 1 1, width factor 0.375                                  1.885   8.6 %   124
 *
 * Hence hybrids, pooled by attention, and small batches. One view of each image, so that the teachers run once on each,
 * which costs as much as two epochs of the students; in longer training, more augmentations (`data.views`).
 */
import { fileURLToPath } from "node:url";
import { defineRecipe } from "fovea/train";

/** The folder with `tiny-imagenet-64/` (Parquet) and `teachers/` (ONNX files); the names in near-duplicates.txt begin with it. */
const folder = "data";

/** Training images that `fovea dedup` found in the datasets that the backbones are measured on, or more than once. */
const excluded = fileURLToPath(new URL("./near-duplicates.txt", import.meta.url));

const teacher = (name: string) => ({
  network: `${folder}/teachers/${name}.onnx?range=-1,1`,
  // twice the student's side: the teachers' features of images of 64 pixels are best at this size
  imageSize: 128,
  remember: "runs/answers",
});

export default defineRecipe({
  name: "small",
  model: {
    name: "vit",
    stem: { kind: "resnet", blocks: [1, 1], widthFactor: 0.5, groups: 8 },
    patchSize: 2,
    width: 192,
    depth: 4,
    heads: 3,
    mlpDim: 768,
    pooling: "map",
    imageSize: 64,
  },
  data: {
    train: {
      source: `${folder}/tiny-imagenet-64?exclude=${excluded}`,
      split: "train",
      preprocessing: "decode|inception_crop(64,area_min=25)|flip_lr|value_range(-1,1)",
    },
    evaluation: {
      source: `${folder}/tiny-imagenet-64?take=1024&balanced=true`,
      split: "validation",
      preprocessing: "decode|value_range(-1,1)",
    },
    views: 1,
    cacheBytes: 800_000_000,
    workers: 1,
  },
  objective: {
    name: "featureDistillation",
    teachers: [teacher("mobilenet_v1_0.75"), teacher("mobilenet_v2_1.0")],
  },
  batchSize: 32,
  total: { steps: 6000 },
  optimizer: { name: "adamw", learningRate: 2e-3, beta2: 0.98, weightDecay: 0.05, clipNorm: 1 },
  schedule: { name: "cosine", warmup: { percent: 0.05 } },
  evaluate: { every: { percent: 0.1 } },
  checkpoint: { every: { percent: 0.05 }, keepLast: 1 },
  log: { every: { steps: 50 } },
  threads: 1,
});
