/** Study 2: do small models stop profiting from more data? */
import { lineFigure } from "../framework/figures.js";
import { gridRuns } from "../framework/grid.js";
import { sizes } from "../framework/scale.js";
import type { Study } from "../framework/study.js";
import { positions, type Row } from "../framework/table.js";
import { bySeed, decide, pairedEffect } from "../framework/verdict.js";

const seriesOf = (size: string) => `ViT ${size}`;

/** y of a size at one end of the x axis, by seed. */
function at(rows: readonly Row[], size: string, end: "first" | "last"): ReadonlyMap<number, number> {
  const x = end === "first" ? positions(rows)[0] : positions(rows).at(-1);
  return bySeed(rows, (row) => row.series === seriesOf(size) && row.x === x);
}

export const modelAndData: Study = {
  number: 2,
  name: "model-and-data",
  title: "Scale data and model together",
  question: "Do small models stop profiting from more upstream data while large ones go on?",
  claim: {
    text: "Small models do not benefit beyond a number of images; larger models do: data and model must be scaled together.",
    source: "papers.md 8 and 9.8 (Zhai et al., 2022; Dosovitskiy et al., 2021)",
  },
  prediction:
    "(accuracy of the large ViT on all images - on the smallest subset) - (the same of the small ViT) is at least 1 point",
  smallestEffect: 0.01,
  measure: "10-shot accuracy of frozen features (ridge), mean over the downstream datasets",
  varies: "size of the ViT, number of upstream images; examples of the few-shot classifier, drawn 5 times",
  fixed: "training images seen, recipe, image size",
  rule: "the 95 % interval over seeds of the difference of gains",
  runs: (context) =>
    gridRuns(context, { families: ["ViT"] }, ({ size, images }) => ({ series: seriesOf(size), x: images })),
  figures: (rows) => [
    lineFigure(rows, {
      title: "10-shot accuracy against upstream images",
      description: "A line for each size of the ViT: few-shot accuracy over the number of upstream images.",
      x: { label: "upstream images", scale: "log" },
      y: { label: "10-shot accuracy" },
    }),
  ],
  judge: (rows) =>
    decide(
      pairedEffect([
        { weight: 1, values: at(rows, sizes[2], "last") },
        { weight: -1, values: at(rows, sizes[2], "first") },
        { weight: -1, values: at(rows, sizes[0], "last") },
        { weight: 1, values: at(rows, sizes[0], "first") },
      ]),
      {
        smallest: 0.01,
        what: "gain of the large ViT from more images minus the gain of the small one",
        next: "at larger scales each run sees more images",
      },
    ),
};
