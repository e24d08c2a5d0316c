/** Study 13: does attention inside a ResNet help at equal cost? */
import { type Model, sizes } from "../framework/scale.js";
import { fewShotMeasure, pairedRule } from "../framework/texts.js";
import { commonRecipe } from "../framework/training-job.js";
import { variantStudy } from "../framework/variants.js";

type ResNetModel = Extract<Model, { name: "resnet" }>;

const kinds: Readonly<Record<string, ResNetModel["attention"]>> = {
  plain: undefined,
  "squeeze-and-excitation": { kind: "squeezeExcitation" },
  "non-local": { kind: "nonLocal", stages: [2, 3], every: 1 },
};

export const channelAttention = variantStudy({
  number: 13,
  name: "channel-attention",
  title: "Attention inside ResNets",
  question: "Do squeeze-and-excitation and non-local blocks improve a ResNet, and does that hold over sizes?",
  claim: {
    text: "Squeeze-and-excitation improves a ResNet at almost no cost (1.5 points in its paper; -1.0 to +0.3 under modern recipes).",
    source: "papers.md 10.10 (Hu et al., 2018; timm's results)",
  },
  prediction: "accuracy with squeeze-and-excitation - accuracy of the plain ResNet is at least 1 point",
  smallestEffect: 0.01,
  measure: fewShotMeasure,
  varies: "attention in the units; size",
  fixed: "depth and width of each size, upstream images (all of the scale), images seen (half of the scale), recipe",
  rule: `${pairedRule}, mean over three sizes`,
  variants: ({ scale }) =>
    sizes.flatMap((size, i) =>
      Object.entries(kinds).map(([series, attention]) => {
        const model = { ...(scale.models.ResNet[size] as ResNetModel), ...(attention && { attention }) };
        // the plain networks are those of the grid, which see more images
        const examples = attention ? scale.examples / 2 : scale.examples;
        return { series, x: 2 ** i, examples, measuredAt: scale.examples / 2, recipe: { ...commonRecipe, model } };
      }),
    ),
  compares: { more: "squeeze-and-excitation", less: "plain" },
  xLabel: "width relative to the small ResNet",
  xScale: "log",
});
