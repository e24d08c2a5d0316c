/** Study 24: which learning-rate schedule, and is one long run as good as many of known length? */
import { fewShotMeasure, pairedRule } from "../framework/texts.js";
import { commonRecipe } from "../framework/training-job.js";
import { variantStudy } from "../framework/variants.js";

const warmup = { percent: 0.05 };
const cooldown = { percent: 0.2 };

const schedules = {
  constant: { name: "constant", warmup },
  "constant, cool-down": { name: "constant", warmup, cooldown },
  "rsqrt, cool-down": { name: "rsqrt", warmup, cooldown },
  linear: { name: "linear", warmup },
  cosine: { name: "cosine", warmup },
} as const;

export const schedulesOfUnknownLength = variantStudy({
  number: 24,
  name: "schedules",
  title: "Schedules with a cool-down against schedules of known length",
  question: "Does a schedule that can be stopped at any time (rsqrt with a cool-down) cost accuracy?",
  claim: {
    text: "A linear decay is slightly better for a known length; rsqrt with a cool-down is about as good, and one run gives many lengths.",
    source: "papers.md 8 (Zhai et al., 2022)",
  },
  prediction: "linear - rsqrt with cool-down lies within 1.5 points",
  smallestEffect: 0.015,
  measure: fewShotMeasure,
  varies: "learning-rate schedule",
  fixed: "model (medium ViT), peak learning rate, upstream images (all of the scale), images seen, no averaged weights",
  rule: pairedRule,
  variants: ({ scale }) =>
    Object.entries(schedules).map(([series, schedule]) => ({
      series,
      recipe: { ...commonRecipe, average: undefined, schedule, model: scale.models.ViT.medium },
    })),
  compares: { more: "linear", less: "rsqrt, cool-down", equal: true },
});
