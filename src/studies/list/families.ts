/** Study 4: on how much data does a ViT pass a ResNet? */
import { lineFigure } from "../framework/figures.js";
import { gridRuns, placeByImages } from "../framework/grid.js";
import { type Family, sizes } from "../framework/scale.js";
import type { Study } from "../framework/study.js";
import { positions, type Row } from "../framework/table.js";
import { bySeed, decide, pairedEffect } from "../framework/verdict.js";

const compared: readonly Family[] = ["ViT", "ResNet", "hybrid"];

/** Mean y over the sizes of a family at one position, by seed. */
const familyAt = (rows: readonly Row[], family: Family, x: number | undefined) =>
  bySeed(rows, (row) => row.series.startsWith(`${family} `) && row.x === x);

export const familiesOverData: Study = {
  number: 4,
  name: "families",
  title: "ViT, ResNet and hybrid over upstream data and over compute",
  question: "Do ResNets win on little upstream data and Vision Transformers on much?",
  claim: {
    text: "ResNets are better when pre-trained on small subsets; ViTs overtake them on larger ones, and need less compute for the same accuracy.",
    source: "papers.md 9.8 and 9.9 (Dosovitskiy et al., 2021)",
  },
  prediction: "(ViT - ResNet) on all images minus (ViT - ResNet) on the smallest subset is at least 2 points",
  smallestEffect: 0.02,
  measure: "10-shot accuracy of frozen features (ridge), mean over the downstream datasets",
  varies: "family, size, number of upstream images",
  fixed: "training images seen, recipe, image size",
  rule: "the 95 % interval over seeds of the difference of differences, each a mean over three sizes",
  runs: (context) => gridRuns(context, { families: compared }, placeByImages),
  figures: (rows) => {
    const byFamily = compared.flatMap((family) =>
      rows.filter((row) => row.series.startsWith(`${family} `)).map((row) => ({ ...row, series: family })),
    );
    const most = positions(rows).at(-1);
    const overCompute = byFamily.filter(({ x }) => x === most).map((row) => ({ ...row, x: row.flops }));
    return [
      lineFigure(byFamily, {
        title: `Few-shot accuracy over upstream images, mean of ${sizes.length} sizes`,
        description: "A line for each family: few-shot accuracy over the number of upstream images.",
        x: { label: "upstream images", scale: "log" },
        y: { label: "10-shot accuracy" },
      }),
      lineFigure(overCompute, {
        title: "Few-shot accuracy over training compute, all images",
        description: "A line for each family: few-shot accuracy over the FLOPs of training.",
        x: { label: "training FLOPs", scale: "log" },
        y: { label: "10-shot accuracy" },
      }),
    ];
  },
  judge: (rows) => {
    const [least, most] = [positions(rows)[0], positions(rows).at(-1)];
    return decide(
      pairedEffect([
        { weight: 1, values: familyAt(rows, "ViT", most) },
        { weight: -1, values: familyAt(rows, "ResNet", most) },
        { weight: -1, values: familyAt(rows, "ViT", least) },
        { weight: 1, values: familyAt(rows, "ResNet", least) },
      ]),
      {
        smallest: 0.02,
        what: "gain of the ViT over the ResNet from the smallest subset to all images",
        next: "the published crossing lies at 90 million images",
      },
    );
  },
};
