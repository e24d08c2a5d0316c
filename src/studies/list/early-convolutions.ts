/** Study 12: do early convolutions make a ViT easier to optimise? */
import { lineFigure } from "../framework/figures.js";
import type { Study } from "../framework/study.js";
import type { Row } from "../framework/table.js";
import { fewShotMeasure } from "../framework/texts.js";
import { commonRecipe, trainingJob } from "../framework/training-job.js";
import { decide, effectOf } from "../framework/verdict.js";
import type { ViTModel } from "../framework/vit.js";

/** Learning rates around the best ones of each optimiser, in factors of about 3. */
const optimizers = {
  AdamW: { name: "adamw", learningRates: [1e-4, 3e-4, 1e-3, 3e-3, 1e-2] },
  SGD: { name: "sgd", learningRates: [0.01, 0.03, 0.1, 0.3, 1] },
} as const;

/** A setting is good when it comes within this of the best of its stem and seed. */
const near = 0.02;

/** The medium ViT, and the same with 3 x 3 convolutions of the same total stride and a block less (papers.md 10.8). */
function stems(model: ViTModel): Readonly<Record<string, ViTModel>> {
  const { patchSize = 4, width = 64, depth = 6 } = model;
  const count = Math.max(1, Math.round(Math.log2(patchSize)));
  const channels = Array.from({ length: count }, (_, i) => Math.max(8, Math.round(width / 2 ** (count - 1 - i))));
  const convolutions = { kind: "convolutions" as const, channels, strides: channels.map(() => 2), groups: 8 };
  const { patchSize: _, ...rest } = model;
  return {
    "patch stem": model,
    "convolutional stem": { ...rest, patchSize: patchSize / 2 ** count, depth: depth - 1, stem: convolutions },
  };
}

/** Number of good settings of a stem with one seed. */
function goodSettings(rows: readonly Row[], stem: string, seed: number): number {
  const own = rows.filter((row) => row.seed === seed && row.series.startsWith(stem));
  const best = own.reduce((most, { y }) => Math.max(most, y), 0);
  return own.filter(({ y }) => y >= best - near).length;
}

export const earlyConvolutions: Study = {
  number: 12,
  name: "early-convolutions",
  title: "Early convolutions help transformers see better",
  question: "Are more learning rates and optimisers good with a convolutional stem than with a patch stem?",
  claim: {
    text: "A ViT with a stem of 3 x 3 convolutions is stable over more learning rates, and with SGD as well as with AdamW.",
    source: "papers.md 10.8 (Xiao et al., 2021)",
  },
  prediction: "good settings of the convolutional stem - good settings of the patch stem is at least 1 of 10",
  smallestEffect: 1,
  measure: fewShotMeasure,
  varies: "stem, optimiser, learning rate (x axis)",
  fixed:
    "model (medium ViT; one block less with convolutions), upstream images (all of the scale), images seen (half of the scale)",
  rule: "the 95 % interval over seeds of the difference of the number of settings within 2 points of the best of their stem",
  runs: (context) => {
    const model = context.scale.models.ViT.medium as ViTModel;
    const isPublished = model.width === undefined;
    const chosen = isPublished
      ? { "patch stem": model, "convolutional stem": { ...model, variant: "C-4GF" } }
      : stems(model);
    return context.seeds.flatMap((seed) =>
      Object.entries(chosen).flatMap(([stem, one]) =>
        Object.entries(optimizers).flatMap(([optimizer, { name, learningRates }]) =>
          learningRates.map((learningRate) => {
            const series = `${stem}, ${optimizer}`;
            const momentum = name === "sgd" ? { momentum: 0.9 } : { weightDecay: 0.05 };
            const recipe = { ...commonRecipe, model: one, optimizer: { name, learningRate, clipNorm: 1, ...momentum } };
            const options = { title: `${series} ${learningRate}, seed ${seed}`, recipe, seed, milestones: [1] };
            const job = trainingJob(context, { ...options, examples: context.scale.examples / 2 });
            return { series, x: learningRate, seed, job };
          }),
        ),
      ),
    );
  },
  figures: (rows) => [
    lineFigure(rows, {
      title: "Few-shot accuracy over the learning rate",
      description: "A line for each stem and optimiser: few-shot accuracy over the learning rate.",
      x: { label: "learning rate", scale: "log" },
      y: { label: "10-shot accuracy" },
    }),
  ],
  judge: (rows) => {
    const seeds = [...new Set(rows.map(({ seed }) => seed))];
    const differences = seeds.map(
      (seed) => goodSettings(rows, "convolutional stem", seed) - goodSettings(rows, "patch stem", seed),
    );
    return decide(effectOf(differences), {
      smallest: 1,
      what: "good settings with the convolutional stem minus with the patch stem",
      format: (value) => `${value >= 0 ? "+" : ""}${value.toFixed(1)} settings`,
    });
  },
};
