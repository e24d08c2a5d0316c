/** Study 19: does an object on a border between patches cost accuracy? */
import { join } from "node:path";
import { measurePatchGrid } from "../../benchmarks/robustness/index.js";
import { open } from "../../networks/index.js";
import { ridge } from "../../transfer/index.js";
import { lineFigure } from "../framework/figures.js";
import { type Cell, gridCells, gridJob } from "../framework/grid.js";
import { defineJob, type Job } from "../framework/job.js";
import type { Family } from "../framework/scale.js";
import type { Study, StudyContext } from "../framework/study.js";
import { positions, type Row, rowsOfMeasure } from "../framework/table.js";
import { pairedRule } from "../framework/texts.js";
import { bySeed, decide, effectOf, pairedEffect, points, type Verdict } from "../framework/verdict.js";
import { patchSizeOf } from "../framework/vit.js";

/** The ResNet has no patches: it shows what the same shifts do without borders. */
const compared = ["ViT", "Mixer", "ResNet"] as const satisfies readonly Family[];

/** Objects of each shape: those that are measured, and those that the classifier is fitted to. */
interface Counts {
  readonly objects: number;
  readonly trained: number;
}

/**
 * Objects of each of six shapes: with 9,600 objects, the 95 % interval of a difference whose standard deviation over objects is 0.5 is two points
 * wide.
 */
const counts: Counts = { objects: 1600, trained: 500 };

/** Measures frozen features of a network with objects in the middle of patches, on their borders, and a whole patch further. */
export function borderJob(context: StudyContext, cell: Cell, { objects, trained }: Counts = counts): Job {
  const source = gridJob(context, cell);
  const patchSize = patchSizeOf(context.scale.models.ViT[cell.size]);
  // a pixel of a patch of 8 on each side: an object in the middle touches no border
  const objectSide = Math.round(0.75 * patchSize);
  const settings = { patchSize, objectSide, stride: Math.floor(patchSize / 2), objects, trained };
  return defineJob({
    title: `objects on borders of patches, ${source.title}`,
    settings: { kind: "patch borders", ...settings, seed: cell.seed },
    needs: [source],
    flops: () => (source.flops() * 6 * (trained + 8 * objects)) / (3 * context.scale.examples),
    run: async ({ folderOf, threads, signal }) => {
      await using network = await open(join(folderOf(source), "run"), { threads, batchSize: 50 });
      const report = await measurePatchGrid(network, ridge, {
        ...settings,
        seed: cell.seed,
        ...(threads !== undefined && { threads }),
        ...(signal && { signal }),
      });
      const [low, high] = report.borderCost.confidence95;
      const values: Record<string, number> = {
        "interval over objects": high - low,
        "similarity after a whole patch": report.wholePatch.cosine.mean,
        "accuracy after a whole patch": report.wholePatch.accuracy.mean,
      };
      for (const { distance, accuracy, cosine } of report.distances) {
        values[`accuracy, ${distance} px from a border`] = accuracy.mean;
        values[`similarity, ${distance} px from a border`] = cosine.mean;
      }
      return { measurements: [{ images: 0, flops: 0, seconds: 0, values }], details: { images: report.images } };
    },
  });
}

const smallest = 0.02;

/** Accuracy above which a network can classify the objects, so that a border could cost something: five points above chance. */
const solves = 1 / 6 + 0.05;

const suffixes = {
  similarity: "similarity",
  whole: "similarity after a whole patch",
  interval: "interval over objects",
} as const;

/** Rows of one network: accuracy by the distance to the border. */
const accuracyAt = (rows: readonly Row[], family: Family, x: number | undefined) =>
  bySeed(rows, (row) => row.series === family && row.x === x);

function judge(rows: readonly Row[]): Verdict {
  const distances = positions(rows.filter(({ series }) => series === "ViT"));
  const [border, middle] = [distances[0], distances.at(-1)];
  const costOf = (family: Family) =>
    pairedEffect([
      { weight: 1, values: accuracyAt(rows, family, middle) },
      { weight: -1, values: accuracyAt(rows, family, border) },
    ]);
  const verdict = decide(costOf("ViT"), {
    smallest,
    what: "accuracy of the ViT in the middle of a patch minus that on its border",
  });
  const widths = rows.filter(({ series }) => series === `ViT, ${suffixes.interval}`).map(({ y }) => y);
  const width = widths.length === 0 ? "" : `, interval over objects ${points(effectOf(widths).mean).slice(1)} wide`;
  const text = `${verdict.text} The same shift costs the ResNet ${points(costOf("ResNet").mean)}${width}.`;
  const centre = effectOf([...accuracyAt(rows, "ViT", middle).values()]).mean;
  if (centre >= solves || verdict.decision === "supports") return { ...verdict, text };
  const percentage = (100 * centre).toFixed(1);
  return {
    ...verdict,
    decision: "cannot tell",
    text: `${text} The ViT classifies only ${percentage} % of the objects in the middle of a patch (chance: 16.7 %).`,
    next: "a larger scale, whose networks classify the objects, would tell",
  };
}

export const patchBorders: Study = {
  number: 19,
  name: "patch-borders",
  title: "Objects on the borders of patches",
  question: "Does a ViT classify an object worse when it lies across the border of two patches?",
  claim: {
    text: "Cutting an image into patches without overlap harms objects that a border cuts; the attention between patches makes up for it.",
    source:
      "an objection to patches (papers.md 10.8: Xiao et al., 2021, replace them by convolutions); no published number",
  },
  prediction: "accuracy of the ViT in the middle of a patch - accuracy on a border is at least 2 points",
  smallestEffect: smallest,
  measure:
    "accuracy of a ridge on frozen features, six shapes, 9,600 generated objects of three quarters of a patch, each at eight places",
  varies: "distance of the object's centre to the nearest border of patches (x axis, in pixels), family",
  fixed:
    "network (the large one of each family, all images of the scale), object and background of each pair of places",
  rule: `${pairedRule}; the absence of a cost counts only where the ViT is five points above chance`,
  runs: (context) =>
    gridCells(context, { families: compared, sizes: ["large"], subsets: context.scale.subsets.slice(-1) }).map(
      (cell) => ({ job: borderJob(context, cell), series: cell.family, x: 0, seed: cell.seed }),
    ),
  rows: ({ series }, { measurements }) =>
    measurements.flatMap(({ values, ...at }) =>
      Object.entries(values).flatMap(([name, y]) => {
        const [, kind, distance] = /^(accuracy|similarity), ([\d.]+) px from a border$/.exec(name) ?? [];
        if (kind === "accuracy") return [{ ...at, series, x: Number(distance), y }];
        if (kind === "similarity")
          return [{ ...at, series: `${series}, ${suffixes.similarity}`, x: Number(distance), y }];
        const suffix = Object.values(suffixes).find((one) => one === name);
        return suffix === undefined ? [] : [{ ...at, series: `${series}, ${suffix}`, x: 0, y }];
      }),
    ),
  figures: (rows) => {
    const figure = (title: string, label: string, measure?: string) =>
      lineFigure(rowsOfMeasure(rows, measure), {
        title,
        description: `A line for each network: ${label} over the distance of the object's centre to the nearest border.`,
        x: { label: "pixels from the nearest border of patches" },
        y: { label, format: measure === undefined ? "percent" : "number" },
      });
    return [
      figure("Accuracy by the distance to the border", "accuracy"),
      figure("Similarity of features to those in the middle of a patch", "cosine similarity", suffixes.similarity),
    ];
  },
  judge,
};
