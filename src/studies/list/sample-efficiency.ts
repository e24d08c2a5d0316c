/** Study 7: do larger models need fewer images for the same error? */
import { lineFigure } from "../framework/figures.js";
import { gridRuns } from "../framework/grid.js";
import type { Study } from "../framework/study.js";
import { compareSeries } from "../framework/variants.js";

export const sampleEfficiency: Study = {
  number: 7,
  name: "sample-efficiency",
  title: "Larger models need fewer images",
  question: "After the same number of images seen, is the few-shot error of a larger ViT lower?",
  claim: {
    text: "Larger models are more sample efficient: they reach the same few-shot error after fewer images.",
    source: "papers.md 8 (Zhai et al., 2022)",
  },
  prediction: "error of the small ViT - error of the large ViT after all images is at least 1 point",
  smallestEffect: 0.01,
  measure: "10-shot error, of frozen features (ridge), mean over the downstream datasets",
  varies: "size of the ViT, images seen (checkpoints of one run, averaged weights)",
  fixed: "upstream images (all of the scale), recipe, image size",
  rule: "the 95 % interval over seeds of the paired difference at the end of the run",
  runs: (context) =>
    gridRuns(context, { families: ["ViT"], subsets: context.scale.subsets.slice(-1) }, ({ size }) => ({
      series: `ViT ${size}`,
    })),
  rows: ({ series }, { measurements }) =>
    measurements.map(({ values, ...at }) => ({ ...at, series, x: at.images, y: 1 - (values["fewshot10"] ?? 0) })),
  figures: (rows) => [
    lineFigure(rows, {
      title: "10-shot error over images seen",
      description: "A line for each size of the ViT: few-shot error over training images seen.",
      x: { label: "training images seen", scale: "log" },
      y: { label: "10-shot error" },
    }),
  ],
  judge: (rows) =>
    compareSeries(rows, { more: "ViT small", less: "ViT large", quantity: "error", at: "largest" }, 0.01),
};
