// What `fovea quickstart` trains: a small ViT on the embedded photos of clothes and hand signs and on generated scenes,
// three classes of each held out for the game.
import { defineRecipe } from "fovea/train";

/** The classes the game is played with; the model never sees them. */
export const heldOut = {
  clothing: ["dress", "pants", "shoes"],
  "sign-digits": ["2", "5", "8"],
  counting: ["3", "5", "7"],
};

const upstream = [
  `embedded:clothing?without=${heldOut.clothing}`,
  `embedded:sign-digits?without=${heldOut["sign-digits"]}`,
  "generated:shapes?label=count&counts=1-9&only=1,2,4,6,8,9&size=48&length=4500",
].join(" + ");

export default defineRecipe({
  model: {
    name: "vit",
    patchSize: 8,
    width: 128,
    depth: 4,
    heads: 4,
    mlpDim: 512,
    imageSize: 48,
    pooling: "gap",
    posEmbedding: "learn",
  },
  data: {
    train: { source: upstream, preprocessing: "decode|resize(52)|random_crop(48)|flip_lr|value_range(-1,1)" },
    evaluation: { source: upstream, preprocessing: "decode|resize(48)|value_range(-1,1)" },
  },
  batchSize: 64,
  total: { epochs: 12 },
  optimizer: { name: "adamw", learningRate: 1e-3, weightDecay: 0.05, clipNorm: 1 },
  schedule: { name: "cosine", warmup: { percent: 0.1 } },
  evaluate: { every: { epochs: 4 } },
});
