/** Study 3: does decaying the learning rate early end worse? */
import { largest } from "../../text/arrays.js";
import { lineFigure } from "../framework/figures.js";
import type { JobResult } from "../framework/job.js";
import type { Measured, Run, Study, StudyContext } from "../framework/study.js";
import { commonRecipe, trainingJob } from "../framework/training-job.js";
import { decide, difference } from "../framework/verdict.js";

/** Fractions of the run at which the learning rate is divided by 10. */
const decays = { early: [0.25, 0.5], middle: [0.5, 0.75], late: [0.75, 0.9] } as const;

const milestones = Array.from({ length: 20 }, (_, i) => (i + 1) / 20);

/** Twice the length of other runs, so that the loss is flat before the late decay. */
const lengthOf = ({ scale }: StudyContext) => 2 * scale.examples;

function stair(context: StudyContext, fractions: readonly number[]) {
  const steps = Math.floor(lengthOf(context) / context.scale.batchSize);
  return {
    name: "stair" as const,
    steps: fractions.map((fraction) => Math.round(fraction * steps)),
    mults: fractions.map((_, i) => 0.1 ** (i + 1)),
    warmup: { percent: 0.05 },
  };
}

/** Few-shot accuracy at every milestone. */
const curve = ({ series }: Run, { measurements }: JobResult): Measured[] =>
  measurements.map(({ values, ...at }) => ({ ...at, series, x: at.images, y: values["fewshot10"] ?? Number.NaN }));

export const lateDecay: Study = {
  number: 3,
  name: "late-decay",
  title: "A flat curve is not the end: decay late",
  question:
    "Does a learning rate that is decayed as soon as the curve is flat end worse than one that is decayed late?",
  claim: {
    text: "While the learning rate is high the curve looks flat for a long time; decaying early raises accuracy at once and ends worse.",
    source: "papers.md 2.4 (Kolesnikov et al., 2020, figure on the schedule)",
  },
  prediction: "final accuracy of the late decay - final accuracy of the early decay is at least 1 point",
  smallestEffect: 0.01,
  measure: "10-shot accuracy of frozen features (ridge), mean over the downstream datasets",
  varies: "when the learning rate is divided by 10, twice",
  fixed: "model (medium BiT ResNet), upstream images (all of the scale), training images seen, no averaged weights",
  rule: "the 95 % interval over seeds of the paired difference at the end of the run",
  runs: (context) =>
    context.seeds.flatMap((seed) =>
      Object.entries(decays).map(([series, fractions]) => {
        const model = context.scale.models.ResNet.medium;
        const recipe = { ...commonRecipe, model, average: undefined, schedule: stair(context, fractions) };
        const title = `${series} decay, seed ${seed}`;
        return {
          series,
          seed,
          job: trainingJob(context, { title, recipe, seed, milestones, examples: lengthOf(context) }),
        };
      }),
    ),
  rows: curve,
  figures: (rows) => {
    const figure = (title: string, shown: typeof rows) =>
      lineFigure(shown, {
        title,
        description: "A line for each schedule: few-shot accuracy over training images seen.",
        x: { label: "training images seen" },
        y: { label: "10-shot accuracy" },
      });
    const [from, to] = [0.25, 0.75].map((fraction) => fraction * largest(rows.map(({ x }) => x)));
    const zoomed = rows.filter(({ x }) => x >= (from ?? 0) && x <= (to ?? 0));
    return [figure("Few-shot accuracy over the run", rows), figure("The flat part of the late decay, zoomed", zoomed)];
  },
  judge: (rows) => {
    const end = rows.reduce((most, { x }) => Math.max(most, x), 0);
    return decide(
      difference(
        rows,
        (row) => row.series === "late" && row.x === end,
        (row) => row.series === "early" && row.x === end,
      ),
      { smallest: 0.01, what: "final accuracy of the late decay minus that of the early decay" },
    );
  },
};
