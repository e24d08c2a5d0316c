/** Study 10: which position embeddings does a ViT need, and what happens when patches are permuted? */
import { dotFigure } from "../framework/figures.js";
import type { Model } from "../framework/scale.js";
import type { Study } from "../framework/study.js";
import { commonRecipe, trainingJob } from "../framework/training-job.js";
import { decide, difference } from "../framework/verdict.js";

type ViTModel = Extract<Model, { name: "vit" }>;

const kinds = {
  none: "none",
  "1-D learned": "learn",
  "2-D learned": "learn2d",
  relative: "relative",
  sincos: "sincos2d",
} as const satisfies Record<string, ViTModel["posEmbedding"]>;

/** ImageNet 5-shot accuracy of ViT-B/16 pre-trained on JFT (papers.md 9.5). */
const published = { none: 0.61382, "1-D learned": 0.64206, "2-D learned": 0.64001, relative: 0.64032 };

export const positionEmbeddings: Study = {
  number: 10,
  name: "positions",
  title: "Positions are learned, and any kind will do",
  question: "How much accuracy does a ViT lose without positions, and does their kind matter?",
  claim: {
    text: "Without positions accuracy drops; how they are encoded makes little difference.",
    source: "papers.md 9.5 (Dosovitskiy et al., 2021)",
  },
  prediction: "accuracy with 1-D learned positions - accuracy without positions is at least 1 point",
  smallestEffect: 0.01,
  measure: "10-shot accuracy of frozen features (ridge), mean over the downstream datasets",
  varies: "position embedding",
  fixed: "model (medium ViT), upstream images (all of the scale), training images seen, recipe",
  rule: "the 95 % interval over seeds of the paired difference",
  runs: (context) =>
    context.seeds.flatMap((seed) =>
      Object.entries(kinds).map(([series, posEmbedding]) => {
        const model = { ...(context.scale.models.ViT.medium as ViTModel), posEmbedding };
        const title = `positions ${series}, seed ${seed}`;
        return { series, seed, x: 0, job: trainingJob(context, { title, recipe: { ...commonRecipe, model }, seed }) };
      }),
    ),
  figures: (rows) => {
    const own = rows.filter(({ series }) => series === "1-D learned");
    const mean = own.reduce((sum, { y }) => sum + y, 0) / Math.max(1, own.length);
    // the published differences, laid beside ours: another dataset, so only the shape can be compared
    const shape = Object.fromEntries(
      Object.entries(published).map(([name, value]) => [name, mean + value - published["1-D learned"]]),
    );
    return [
      dotFigure(rows, {
        title: "10-shot accuracy by kind of position embedding",
        description: "A row for each kind of position embedding with its few-shot accuracy.",
        xLabel: "10-shot accuracy",
        published: { label: "published difference from 1-D learned", values: shape },
      }),
    ];
  },
  judge: (rows) =>
    decide(
      difference(
        rows,
        (row) => row.series === "1-D learned",
        (row) => row.series === "none",
      ),
      { smallest: 0.01, what: "accuracy with 1-D learned positions minus accuracy without positions" },
    ),
};
