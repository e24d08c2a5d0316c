/** Study 10: which position embeddings does a ViT need, and what does it lose when patches change places? */
import { dotFigure } from "../framework/figures.js";
import type { Run, Study, StudyContext } from "../framework/study.js";
import type { Row } from "../framework/table.js";
import { commonRecipe, trainingJob, upstreamData } from "../framework/training-job.js";
import { variantStudy } from "../framework/variants.js";
import { difference, points } from "../framework/verdict.js";
import { patchSizeOf, type ViTModel } from "../framework/vit.js";
import { dataWithOp, fewShotJob } from "../jobs/permuted-patches.js";

const kinds = {
  none: "none",
  "1-D learned": "learn",
  "2-D learned": "learn2d",
  relative: "relative",
  sincos: "sincos2d",
} as const satisfies Record<string, ViTModel["posEmbedding"]>;

/** The network that the others are compared with: 1-D learned positions, patches in their places. */
const reference = "1-D learned";

/** Ops on patches in training and evaluation, and on the images whose features are measured. */
const orders = {
  "permuted once": { training: "permute_patches", measured: "permute_patches" },
  "permuted anew for each image": { training: "shuffle_patches", measured: "shuffle_patches" },
  "permuted at test time only": { training: undefined, measured: "permute_patches" },
} as const;

const isOrder = (series: string): boolean => Object.hasOwn(orders, series);

const recipeOf = ({ scale }: StudyContext, posEmbedding: ViTModel["posEmbedding"]) => ({
  ...commonRecipe,
  model: { ...(scale.models.ViT.medium as ViTModel), posEmbedding },
});

const ofPositions = variantStudy({
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
  measure: "10-shot accuracy, of frozen features (ridge), mean over the downstream datasets",
  varies:
    "position embedding; with 1-D learned positions also the order of the patches: permuted once, anew for each image, or at test time only. Permuting once is the training on plain images with the rows of the table permuted along: the losses are equal to rounding, which a test shows; the run here starts from another random table",
  fixed: "model (medium ViT), upstream images (all of the scale), training images seen, recipe",
  rule: "the 95 % interval over seeds of the paired difference",
  variants: (context) =>
    Object.entries(kinds).map(([series, posEmbedding]) => ({ series, recipe: recipeOf(context, posEmbedding) })),
  compares: { more: reference, less: "none" },
  // ImageNet 5-shot accuracy of ViT-B/16 pre-trained on JFT (papers.md 9.5)
  published: {
    anchor: reference,
    values: { none: 0.61382, [reference]: 0.64206, "2-D learned": 0.64001, relative: 0.64032 },
  },
});

/** Runs with permuted patches. */
function permutedRuns(context: StudyContext, seed: number): Run[] {
  const { scale, data } = context;
  const recipe = recipeOf(context, kinds[reference]);
  const patches = `(${patchSizeOf(recipe.model)})`;
  const images = scale.subsets.at(-1) ?? data.images;
  return Object.entries(orders).map(([series, { training, measured }]) => {
    const changed = training && { data: dataWithOp(upstreamData(context, images, seed), `${training}${patches}`) };
    const title = `${training ? series : reference}, seed ${seed}`;
    const source = trainingJob(context, { title, recipe: { ...recipe, ...changed }, seed });
    return { series, x: 0, seed, job: fewShotJob(context, source, `${measured}${patches}`) };
  });
}

/** Accuracy that each order of patches costs, with its interval. */
function costs(rows: readonly Row[]): string {
  const found = Object.keys(orders).flatMap((series) => {
    const own = (row: Row) => row.series === series;
    if (!rows.some(own)) return [];
    const { mean, interval } = difference(rows, (row) => row.series === reference, own);
    return [`${series} ${points(mean)}${interval ? ` (${interval.map(points).join(" to ")})` : ""}`];
  });
  return found.length === 0 ? "" : ` ${reference} minus the same with patches ${found.join(", ")}.`;
}

export const positionEmbeddings: Study = {
  ...ofPositions,
  runs: (context) => [...ofPositions.runs(context), ...context.seeds.flatMap((seed) => permutedRuns(context, seed))],
  figures: async (rows) => {
    const permuted = rows.filter(({ series }) => series === reference || isOrder(series));
    const title = "Accuracy with patches in other places, 1-D learned positions";
    const description = "A row for each order of the patches: 10-shot accuracy, a dot for each seed.";
    return [
      ...(await ofPositions.figures(rows.filter(({ series }) => !isOrder(series)))),
      ...(rows.some(({ series }) => isOrder(series))
        ? [dotFigure(permuted, { title, description, xLabel: "10-shot accuracy" })]
        : []),
    ];
  },
  judge: async (rows) => {
    const verdict = await ofPositions.judge(rows);
    return { ...verdict, text: `${verdict.text}${costs(rows)}` };
  },
};
