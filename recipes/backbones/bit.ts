/**
 * The default backbone of the package (models/bit): the BiT ResNet of bit-64.ts, which starts from its weights and is
 * trained on larger images and on more kinds of photographs.
 *
 * Figures: models/bit/README.md. 15,500 steps, 992,000 images in 69 minutes on both cores of an EPYC (Zen 5), teachers
 * included (about 180,000 crops, two of each image): 280 images/s once their outputs are cached. Error of both teachers'
 * features on 512 validation images by step (2: predicting the mean): 0 1.438, 1,550 1.393, 3,100 1.354, 4,650 1.334,
 * 6,200 1.310, 7,750 1.296, 9,300 1.269, 10,850 1.265, 12,400 1.243, 13,950 1.238, 15,500 1.238; on its training images
 * 1.10. The weights of bit-64.ts were those of the package, without their projections to the teachers: 450 steps trained
 * these alone first.
 *
 *   mpiexec -n 2 npx fovea train recipes/backbones/bit.ts
 *   npx jiti scripts/ship-backbone.ts runs/bit bit --pooled-stages 3 --image-size 112 --started-from recipes/backbones/bit-64.ts
 *     --cores 2 --whiten-on 'data/tiny-imagenet-64?take=10000' --whiten-on 'data/upstream-128?without=...&exclude=...&take=12000'
 *
 * Mean few-shot accuracy over the seven datasets in % (5 / 10 shots, 112 pixels), and in brackets over three datasets on
 * which nothing was chosen: bit-64.ts 47.7 / 56.4 (49.8 / 57.7), this network 48.8 / 58.8, with its features whitened
 * (scripts/whitening.ts) 53.3 / 62.4 (54.4 / 61.8). Without whitening by the side of the test images: 104 48.9 / 58.5,
 * 120 49.5 / 59.1; with it: 64 49.3 / 57.3, 96 52.8 / 61.9, 128 54.6 / 63.3.
 *
 * Pilots at 64 pixels, 25,600 images, batch 32, one core each, error on the validation images and seconds: this network
 * from random weights 1.819, 117; MobileNetV3-large-1.0 1.910, 141 (batch 64, learning rate 2e-3 1.921; after 12,800 of
 * 25,600 images learning rate 2e-3 1.946, 4e-3 1.971). Training images/s of one core at 64 pixels: units 1 1 2 1 277,
 * 1 1 3 2 220, 1 2 3 2 211, width factor 0.625 203, MobileNetV3-large-0.75 239, -1.0 203, MobileNetV2-1.0 182. So the
 * MobileNets, which have a quarter of its FLOPs, neither train faster nor learn more from an image, and with AVX-512 this
 * network classifies 1,252 images/s at 112 pixels where MobileNetV2-1.0 at 128 has 1,115 (two threads).
 *
 * Three sets of upstream-128 are left out, to judge the network on (grocery, popular-animals, trashnet). The excluded
 * near-duplicates are those that
 *
 *   fovea dedup 'data/upstream-128?without=grocery,popular-animals,trashnet' --against SETS --no-crops
 *     --exclude recipes/backbones/near-duplicates-128.txt
 *
 * found in the seven datasets and in these three (13), or more than once (1,146).
 */
import { fileURLToPath } from "node:url";
import { defineRecipe } from "fovea/train";
import bit64 from "./bit-64.js";
import small from "./small.js";

const excluded = fileURLToPath(new URL("./near-duplicates-128.txt", import.meta.url));

/** A quarter to all of an image, at the size that the teachers see. */
const preprocessing = "decode|inception_crop(128,area_min=25)|value_range(-1,1)";

export default defineRecipe({
  ...bit64,
  name: "bit",
  model: { ...bit64.model, imageSize: 128 },
  initialWeights: "runs/bit-64",
  data: {
    ...bit64.data,
    train: [
      { ...small.data.train, preprocessing, weight: 1 },
      {
        source: `data/upstream-128?without=grocery,popular-animals,trashnet&exclude=${excluded}`,
        split: "train",
        preprocessing,
        weight: 1,
      },
    ],
    evaluation: {
      source: "data/tiny-imagenet-64?take=512&balanced=true",
      split: "validation",
      preprocessing: "decode|resize(128)|value_range(-1,1)",
    },
    cacheBytes: 3_000_000_000,
  },
  objective: { ...bit64.objective, imageSize: 96 },
  batchSize: 64,
  total: { steps: 15_500 },
  optimizer: { ...small.optimizer, learningRate: 1.5e-3 },
  schedule: { name: "cosine", warmup: { percent: 0.03 } },
  checkpoint: { every: { percent: 0.05 }, keepLast: 3 },
});
