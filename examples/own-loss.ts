/** A loss of one's own in a recipe: the focal loss (Lin et al., arXiv:1708.02002, equation 4), which gives easy images less weight. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exp, logSoftmax, multiply, negate, reduceSum, subtract } from "fovea/graph";
import { classification, defineObjective, defineRecipe, train } from "fovea/train";

const focal = defineObjective({
  name: "focal",
  perImage: true,
  open: (context) =>
    classification(
      {
        loss: (logits, targets) => {
          const logProbability = reduceSum(multiply(targets, logSoftmax(logits)), 1);
          const missing = subtract(1, exp(logProbability));
          return negate(multiply(multiply(missing, missing), logProbability)); // gamma 2
        },
      },
      context,
    ),
});

const part = { source: "embedded:clothing?only=hat,pants", preprocessing: "decode|resize(28)|value_range(-1,1)" };
const recipe = defineRecipe({
  model: { name: "vit", patchSize: 7, width: 32, depth: 2, heads: 2, imageSize: 28 },
  data: { train: part, evaluation: part },
  objective: focal,
  batchSize: 32,
  total: { steps: 40 },
  optimizer: { name: "adamw", learningRate: 2e-3 },
  output: await mkdtemp(join(tmpdir(), "fovea-run-")),
});
const { evaluation } = await train(recipe, { resume: true, silent: true });
console.log(`focal loss ${evaluation?.loss.toFixed(3)}, accuracy ${(100 * (evaluation?.accuracy ?? 0)).toFixed(0)} %`);
