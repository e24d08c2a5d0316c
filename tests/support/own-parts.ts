/** A recipe file with a model, an objective, an optimiser and a schedule of its own, for tests in processes of their own. */

/** Its text. Dropout, crops and flips draw random numbers. `width` is a setting of the model, `version` that of the objective. */
export const ownParts = ({ steps = 30, width = 24, version = "1", dropout = 0.1 } = {}): string => `
import { definePreprocessing } from "fovea/data";
import { add, gelu, maximum, multiply, reduceSum, reshape, scalar, scale, sign, subtract } from "fovea/graph";
import { defineModel } from "fovea/models";
import { dense, dropout } from "fovea/nn";
import { defineOptimizer, defineSchedule } from "fovea/optim";
import { classification, defineObjective, defineRecipe } from "fovea/train";

const model = defineModel({
  name: "two-layers",
  imageSize: 16,
  settings: { width: ${width} },
  build: (scope, images, { settings }) => {
    const pixels = reshape(images, [images.shape[0], 16 * 16 * 3]);
    return dropout(scope, gelu(dense(scope.at("hidden"), pixels, settings.width)), ${dropout});
  },
});
const objective = defineObjective({
  name: "squared-hinge",
  version: "${version}",
  perImage: true,
  open: (context) =>
    classification(
      {
        loss: (logits, targets) => {
          const missing = maximum(subtract(1, multiply(logits, subtract(scale(targets, 2), 1))), 0);
          return reduceSum(multiply(missing, missing), 1);
        },
      },
      context,
    ),
});
// Lion (Chen et al., arXiv:2302.06675, algorithm 2)
const optimizer = defineOptimizer({
  name: "lion",
  learningRate: 2e-3,
  settings: { beta1: 0.9, beta2: 0.99 },
  transformation: ({ beta1, beta2 }) => (updates, context) =>
    updates.map((update) => {
      const gradient = multiply(update.value, update.factor);
      const mixed = (m, beta) => add(scale(m, beta), scale(gradient, 1 - beta));
      const { input } = context.slot("optimizer/momentum/" + update.name, gradient.shape, "float32", (m) => mixed(m, beta2));
      return { ...update, value: sign(mixed(input, beta1)), factor: scalar(1) };
    }),
});
const schedule = defineSchedule({ name: "halving", factor: (step, total) => 2 ** -Math.floor((4 * step) / total) });

const brighter = definePreprocessing({
  name: "brighter",
  apply: (image, random) => {
    const more = random.integer(40);
    return { ...image, data: image.data.map((value) => Math.min(255, value + more)) };
  },
});

export default defineRecipe({
  model,
  objective,
  optimizer: { ...optimizer, weightDecay: 0.1, clipNorm: 1 },
  schedule: { ...schedule, warmup: { steps: 3 } },
  data: {
    train: {
      source: "generated:shapes?label=shape&size=20&length=18",
      preprocessing: "decode|random_crop(16)|flip_lr|" + brighter + "|value_range(-1,1)",
    },
    evaluation: { source: "generated:shapes?label=shape&size=16&length=9", preprocessing: "decode|value_range(-1,1)" },
  },
  batchSize: 4,
  total: { steps: ${steps} },
  average: { name: "ema", decay: 0.9 },
  log: { every: { steps: 1 } },
  evaluate: { every: { steps: 5 } },
  checkpoint: { every: { steps: 1 }, keepLast: 2, keepBest: {} },
  threads: 1,
});
`;
