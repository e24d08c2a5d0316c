/** Study 22: how much of the gain of pre-training do the statistics of its weights give alone? */
import { dotFigure } from "../framework/figures.js";
import { gridJob } from "../framework/grid.js";
import type { Run, Study, StudyContext } from "../framework/study.js";
import { meanRows, type Row } from "../framework/table.js";
import { pairedRule } from "../framework/texts.js";
import { commonRecipe, downstreamTask, trainingJob } from "../framework/training-job.js";
import { decide, difference, points } from "../framework/verdict.js";
import type { KeptPart } from "../jobs/weights-change.js";
import { weightsJob } from "../jobs/weights-job.js";

const starts = {
  "default initialisation": "nothing",
  "trained mean and variance": "moments",
  "trained values, shuffled": "values",
  "trained stem": "stem",
  "trained first half": "first half",
  "all trained weights": "all",
} as const satisfies Record<string, KeptPart>;

const smallest = 0.02;

/** The downstream training is this many times shorter than the pre-training. */
const shorter = 24;

/** Training from each start on each downstream dataset. */
function runsOf(context: StudyContext, seed: number): Run[] {
  const { scale, data } = context;
  const source = gridJob(context, { family: "ViT", size: "large", images: scale.subsets.at(-1) ?? 0, seed });
  return data.downstream.flatMap((spec) =>
    Object.entries(starts).map(([series, keeps]): Run => {
      const recipe = { ...commonRecipe, model: scale.models.ViT.large, data: downstreamTask(spec, scale.imageSize) };
      const job = trainingJob(context, {
        title: `${series}, ${spec}, seed ${seed}`,
        recipe,
        seed,
        start: weightsJob(source, { keeps, seed }),
        examples: Math.round(scale.examples / shorter),
        milestones: [1],
        downstream: [],
      });
      return { series, x: 0, seed, job };
    }),
  );
}

const from = (series: keyof typeof starts) => (row: Row) => row.series === series;

/** The gain of the statistics as a percentage of the gain of all trained weights; undefined where the latter is not positive. */
function shareOfGain(rows: readonly Row[]): number | undefined {
  const gain = (series: keyof typeof starts) => difference(rows, from(series), from("default initialisation")).mean;
  const whole = gain("all trained weights");
  return whole > 0 ? (100 * gain("trained mean and variance")) / whole : undefined;
}

export const initialisation: Study = {
  number: 22,
  name: "initialisation",
  title: "What a good initialisation keeps of pre-training",
  question: "How much of the gain of pre-training do the mean and variance of each layer give, without its features?",
  claim: {
    text: "Drawing every layer with the mean and variance of the trained one already speeds up fine-tuning, without any transferred features; of the remaining gain, most comes from the first blocks.",
    source: "papers.md 10.11 (Raghu et al., 2019), for convolutional networks",
  },
  prediction:
    "accuracy from the trained mean and variance - accuracy from the default initialisation is at least 2 points",
  smallestEffect: smallest,
  measure: "accuracy on the test split after a short training of all weights, mean over the downstream datasets",
  varies: "start weights; the head starts at zero in all",
  fixed: "model (large ViT, pre-trained on all images of the scale), steps, recipe",
  rule: pairedRule,
  runs: (context) => context.seeds.flatMap((seed) => runsOf(context, seed)),
  rows: ({ series, x = 0 }, { measurements }) =>
    measurements.map(({ values, ...at }) => ({ ...at, series, x, y: values["upstream"] ?? Number.NaN })),
  figures: (rows) => [
    dotFigure(meanRows(rows), {
      title: "Accuracy after a short training, by start weights",
      description:
        "A row for each kind of start weights: accuracy, mean over the downstream datasets, a dot for each seed.",
      xLabel: "accuracy",
    }),
  ],
  judge: (rows) => {
    const verdict = decide(difference(rows, from("trained mean and variance"), from("default initialisation")), {
      smallest,
      what: "trained mean and variance minus default initialisation",
    });
    const share = shareOfGain(rows);
    if (share === undefined) return verdict;
    const whole = difference(rows, from("all trained weights"), from("default initialisation"));
    const text = `${verdict.text} All trained weights gain ${points(whole.mean)}, of which this is ${share.toFixed(0)} %.`;
    return { ...verdict, text };
  },
};
