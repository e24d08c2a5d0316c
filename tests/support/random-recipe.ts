/** A run that draws whatever a run can draw, for tests of stopping and resuming. */
import type { RecipeInput } from "../../src/train/index.js";
import { tinyRecipe } from "./trained-run.js";

/** Steps it has. */
export const randomTotal = 12;

/** Everything that draws random numbers: dropout, stochastic depth, random crops and flips, over several epochs. */
export const randomRecipe = (output: string, changes: Partial<RecipeInput> = {}): RecipeInput =>
  tinyRecipe(output, {
    model: {
      name: "vit",
      patchSize: 8,
      width: 16,
      depth: 2,
      heads: 2,
      mlpDim: 32,
      imageSize: 16,
      dropout: 0.2,
      stochasticDepth: 0.3,
    },
    data: {
      train: {
        source: "generated:shapes?label=shape&size=20&length=18",
        preprocessing: "decode|random_crop(16)|flip_lr|value_range(-1,1)",
      },
      evaluation: {
        source: "generated:shapes?label=shape&size=16&length=9",
        preprocessing: "decode|value_range(-1,1)",
      },
      workers: 0,
    },
    total: { steps: randomTotal },
    optimizer: { name: "adamw", learningRate: 1e-2, weightDecay: 0.1, clipNorm: 1 },
    schedule: { name: "cosine", warmup: { steps: 3 } },
    log: { every: { steps: 1 } },
    evaluate: { every: { steps: 5 } },
    checkpoint: { every: { steps: 1 }, keepLast: 30 },
    ...changes,
  });
