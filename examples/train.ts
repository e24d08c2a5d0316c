/** Trains a small Vision Transformer from code, and continues the run where it was interrupted. usage: train.ts [PHOTOS] */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineRecipe, train } from "fovea";

const [source = "embedded:fashion"] = process.argv.slice(2);
const recipe = defineRecipe({
  model: { name: "vit", patchSize: 7, width: 32, depth: 2, heads: 2, mlpDim: 64, imageSize: 28 },
  data: {
    train: { source, preprocessing: "decode|resize(28)|flip_lr|value_range(-1,1)" },
    evaluation: { source, preprocessing: "decode|resize(28)|value_range(-1,1)" },
  },
  batchSize: 64,
  total: { steps: 60 },
  objective: { name: "softmax" },
  optimizer: { name: "adamw", learningRate: 2e-3, weightDecay: 0.05 },
  schedule: { name: "cosine", warmup: { steps: 10 } },
  output: await mkdtemp(join(tmpdir(), "fovea-run-")),
});

const { evaluation, seconds } = await train(recipe, { resume: true, silent: true });
console.log(
  `accuracy ${(100 * (evaluation?.accuracy ?? 0)).toFixed(1)} % after ${seconds.toFixed(0)} s, in ${recipe.output}`,
);
