/** Study 20: which transfer method for how many examples? */
import { lineFigure } from "../framework/figures.js";
import { gridJob } from "../framework/grid.js";
import { type Family, families } from "../framework/scale.js";
import type { Run, Study, StudyContext } from "../framework/study.js";
import { meanRows, type Row } from "../framework/table.js";
import { pairedRule } from "../framework/texts.js";
import { compareSeries } from "../framework/variants.js";
import { fineTuningJob, frozenJob, frozenMethods } from "../jobs/transfer-job.js";

const compared = ["ViT", "ResNet"] as const satisfies readonly Family[];

const smallest = 0.02;

/** The classifiers on frozen features of one network, and its fine-tuning on each downstream dataset. */
function runsOf(context: StudyContext, family: Family, seed: number): Run[] {
  const { scale, data } = context;
  const source = gridJob(context, { family, size: "large", images: scale.subsets.at(-1) ?? 0, seed });
  const tuned = data.downstream.map((spec) => fineTuningJob(context, { source, family, spec, seed }));
  return [frozenJob(context, { source, seed }), ...tuned].map((job) => ({ job, series: family, seed }));
}

/** Rows of one method, of all networks. */
const byMethod = (rows: readonly Row[]): Row[] =>
  rows.map((row) => ({ ...row, series: row.series.replace(/^[^,]*, /, "") }));

export const transferMethods: Study = {
  number: 20,
  name: "transfer-methods",
  title: "Fine-tuning against classifiers on frozen features",
  question: "From how many examples of each class is it worth fine-tuning the whole network?",
  claim: {
    text: "Fine-tuning beats linear classifiers on frozen features when there are enough examples, and gains nothing with one example of each class.",
    source: "papers.md 2.5 and 4.5 (Kolesnikov et al., 2020; Zhai et al., 2019), few-shot and VTAB results",
  },
  prediction: "(fine-tuning - ridge) with 25 examples per class minus the same with 1 is at least 2 points",
  smallestEffect: smallest,
  measure: "accuracy, mean over the downstream datasets",
  varies: "transfer method, examples of each class",
  fixed:
    "networks (the large ViT and ResNet of all images of the scale), test images, examples; fine-tuning for 100 steps of 32 images with SGD",
  rule: `${pairedRule}, mean over both networks`,
  runs: (context) => context.seeds.flatMap((seed) => compared.flatMap((family) => runsOf(context, family, seed))),
  rows: ({ series }, { measurements }) =>
    measurements.flatMap(({ values, ...at }) =>
      Object.entries(values).flatMap(([name, y]) => {
        const [method = "", shots] = name.split("@");
        return shots === undefined ? [] : [{ ...at, series: `${series}, ${method}`, x: Number(shots), y }];
      }),
    ),
  figures: (rows) => {
    const means = meanRows(rows);
    return families
      .filter((family) => means.some(({ series }) => series.startsWith(`${family}, `)))
      .map((family) =>
        lineFigure(byMethod(means.filter(({ series }) => series.startsWith(`${family}, `))), {
          title: `Accuracy of transfer methods, large ${family}`,
          description: "A line for each transfer method: accuracy over examples of each class.",
          x: { label: "examples of each class", scale: "log" },
          y: { label: "accuracy" },
        }),
      );
  },
  judge: (rows) =>
    compareSeries(byMethod(rows), { more: "fine-tuning", less: frozenMethods.ridge, at: "growth" }, smallest),
};
