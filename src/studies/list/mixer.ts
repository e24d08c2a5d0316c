/** Study 5: does an MLP-Mixer catch up with a ViT on more data? */
import { lineFigure } from "../framework/figures.js";
import { gridRuns } from "../framework/grid.js";
import type { Study } from "../framework/study.js";
import { fewShotMeasure } from "../framework/texts.js";
import { compareSeries } from "../framework/variants.js";

export const mixerOverData: Study = {
  number: 5,
  name: "mixer",
  title: "MLP-Mixer against ViT over upstream data",
  question: "Does a network without attention profit more from data than a ViT?",
  claim: {
    text: "Mixers overfit more on small upstream sets and catch up with ViTs as the data grow.",
    source: "papers.md 3.2 (Tolstikhin et al., 2021); curves of figures/jft-fewshot-curves-subset",
  },
  prediction: "(Mixer - ViT) on all images minus (Mixer - ViT) on the smallest subset is at least 1 point",
  smallestEffect: 0.01,
  measure: fewShotMeasure,
  varies: "family, size, number of upstream images",
  fixed: "training images seen, recipe, image size, tokens of 4 x 4 pixels at 32 pixels",
  rule: "the 95 % interval over seeds of the difference of differences, each a mean over three sizes",
  runs: (context) =>
    gridRuns(context, { families: ["ViT", "Mixer"] }, ({ family, images }) => ({ series: family, x: images })),
  figures: (rows) => [
    lineFigure(rows, {
      title: "Few-shot accuracy over upstream images, mean of three sizes",
      description: "A line for the ViT and one for the Mixer: few-shot accuracy over the number of upstream images.",
      x: { label: "upstream images", scale: "log" },
      y: { label: "10-shot accuracy" },
    }),
  ],
  judge: (rows) => compareSeries(rows, { more: "Mixer", less: "ViT", at: "growth" }, 0.01),
};
