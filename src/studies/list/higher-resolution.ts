/** Study 11: does fine-tuning at a higher resolution pay, and do interpolated positions carry over? */
import { dotFigure } from "../framework/figures.js";
import { gridJob } from "../framework/grid.js";
import type { Run, Study, StudyContext } from "../framework/study.js";
import { meanRows, type Row } from "../framework/table.js";
import { pairedRule } from "../framework/texts.js";
import { commonRecipe, preprocessingOf, trainingJob, upstreamData } from "../framework/training-job.js";
import { decide, difference, points } from "../framework/verdict.js";
import { patchSizeOf, type ViTModel } from "../framework/vit.js";
import type { KeptPart } from "../jobs/weights-change.js";
import { weightsJob } from "../jobs/weights-job.js";

/** The side of the larger images, relative to pre-training: a common choice is 384 after 224 pixels (papers.md 9.8). */
const enlargement = 1.5;

/** The fine-tuning is this many times shorter than the pre-training. */
const shorter = 12;

const starts = {
  "old resolution": { keeps: "all", larger: false },
  "higher, interpolated positions": { keeps: "all", larger: true },
  "higher, new positions": { keeps: "all but positions", larger: true },
} as const satisfies Record<string, { readonly keeps: KeptPart; readonly larger: boolean }>;

const smallest = 0.01;

/** Side in pixels that is a multiple of the patches. */
function largerSide({ scale }: StudyContext): number {
  const patchSize = patchSizeOf(scale.models.ViT.medium);
  return patchSize * Math.round((enlargement * scale.imageSize) / patchSize);
}

function runsOf(context: StudyContext, seed: number): Run[] {
  const { scale } = context;
  const images = scale.subsets.at(-1) ?? 0;
  const source = gridJob(context, { family: "ViT", size: "medium", images, seed });
  return Object.entries(starts).map(([series, { keeps, larger }]): Run => {
    const imageSize = larger ? largerSide(context) : scale.imageSize;
    const pixels = preprocessingOf({ ...scale, imageSize });
    const { train, evaluation, ...data } = upstreamData(context, images, seed);
    const own = { ...(train as { source: string }), split: "train", preprocessing: pixels.train };
    const held = evaluation && { ...(evaluation as { source: string }), preprocessing: pixels.evaluation };
    const job = trainingJob(context, {
      title: `${series}, seed ${seed}`,
      recipe: {
        ...commonRecipe,
        model: { ...(scale.models.ViT.medium as ViTModel), imageSize },
        data: { ...data, train: own, evaluation: held },
      },
      seed,
      start: weightsJob(source, { keeps, imageSize, seed }),
      examples: Math.round(scale.examples / shorter),
      milestones: [1],
    });
    return { series, x: 0, seed, job };
  });
}

const from = (series: keyof typeof starts) => (row: Row) => row.series === series;

export const higherResolution: Study = {
  number: 11,
  name: "higher-resolution",
  title: "Fine-tuning at a higher resolution",
  question: "Does a ViT gain from fine-tuning on larger images with interpolated position embeddings?",
  claim: {
    text: "Fine-tuning at a higher resolution than pre-training helps; positions are interpolated in two dimensions.",
    source:
      "papers.md 1.8 and 9.8 (Dosovitskiy et al., 2021); 224 to 384 pixels gains 1.3 to 4.5 points on ImageNet in timm's results",
  },
  prediction:
    "accuracy at the higher resolution with interpolated positions - accuracy at the old resolution is at least 1 point",
  smallestEffect: smallest,
  measure:
    "10-shot accuracy, of frozen features (ridge) after fine-tuning on upstream images, mean over the downstream datasets",
  varies: "image size (1.5 times that of pre-training), position embeddings at the start",
  fixed:
    "model (medium ViT of all images of the scale), patch size, images seen, recipe; the head starts at zero in all",
  rule: pairedRule,
  runs: (context) => context.seeds.flatMap((seed) => runsOf(context, seed)),
  figures: (rows) => [
    dotFigure(meanRows(rows), {
      title: "10-shot accuracy after fine-tuning",
      description: "A row for each image size and kind of positions: 10-shot accuracy, a dot for each seed.",
      xLabel: "10-shot accuracy",
    }),
  ],
  judge: (rows) => {
    const higher = from("higher, interpolated positions");
    const verdict = decide(difference(rows, higher, from("old resolution")), {
      smallest,
      what: "higher resolution with interpolated positions minus old resolution",
    });
    const positions = difference(rows, higher, from("higher, new positions"));
    return { ...verdict, text: `${verdict.text} Interpolated positions minus new ones: ${points(positions.mean)}.` };
  },
};
