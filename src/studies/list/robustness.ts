/** Study 18: how much of its accuracy does a network keep on corrupted images? */
import { join } from "node:path";
import { measureCorruptions } from "../../benchmarks/robustness/index.js";
import { openSource } from "../../data/index.js";
import { corruptionNames } from "../../images/index.js";
import { imageLogits, open } from "../../networks/index.js";
import { lineFigure } from "../framework/figures.js";
import { type Cell, gridJob, gridRuns, placeByImages } from "../framework/grid.js";
import { defineJob, type Job } from "../framework/job.js";
import type { Study, StudyContext } from "../framework/study.js";
import { positions, rowsOfMeasure } from "../framework/table.js";
import { pairedRule } from "../framework/texts.js";
import { heldImages } from "../framework/training-job.js";
import { bySeed, decide, pairedEffect } from "../framework/verdict.js";

/** The middle of five severities. */
const severity = 3;

/** Top-5 accuracy where there are many classes: networks of minutes have a top-1 accuracy that few images measure badly. */
const topOf = (classes: number): number => (classes >= 50 ? 5 : 1);

/** Measures the network's own head on held-out images, clean and under every corruption. */
function corruptionJob(context: StudyContext, cell: Cell): Job {
  const { scale, data } = context;
  const source = gridJob(context, cell);
  const held = heldImages(context);
  const top = topOf(data.classes);
  return defineJob({
    title: `corruptions, ${source.title}`,
    settings: { kind: "corruptions", corruptions: corruptionNames, severity, top, heldImages: scale.heldImages },
    needs: [source],
    flops: () => (source.flops() * scale.heldImages * (corruptionNames.length + 1)) / (3 * scale.examples),
    run: async ({ folderOf, threads, signal }) => {
      await using images = await openSource(held.spec, { split: held.split });
      await using network = await open(join(folderOf(source), "run"), { threads, batchSize: 50, output: "logits" });
      const { clean, families, meanAccuracy } = await measureCorruptions(
        {
          head: "own",
          classNames: images.classNames,
          imageShape: network.imageShape,
          preprocessing: network.preprocessing,
          scores: (from, pass) => imageLogits(network, from, { ...pass, workers: 0 }),
        },
        images,
        { corruptions: corruptionNames, severities: [severity], top, ...(signal && { signal }) },
      );
      const values = {
        clean: clean.accuracy,
        corrupted: meanAccuracy,
        kept: keptAccuracy(clean.accuracy, meanAccuracy, top / data.classes),
        ...Object.fromEntries(families.map(({ corruption, accuracy }) => [corruption, accuracy])),
      };
      return { measurements: [{ images: 0, flops: 0, seconds: 0, values }], details: {} };
    },
  });
}

/** Accuracy above chance under corruption, relative to that on clean images; 0 for a network that is not better than chance. */
export const keptAccuracy = (clean: number, corrupted: number, chance: number): number =>
  clean > chance ? (corrupted - chance) / (clean - chance) : 0;

const smallest = 0.02;

/** The first and the last number: the images of others would take as long to corrupt. */
const ends = (numbers: readonly number[]): number[] => numbers.filter((_, i) => i === 0 || i === numbers.length - 1);

export const robustness: Study = {
  number: 18,
  name: "robustness",
  title: "Robustness over model and data size",
  question: "Do larger networks that saw more upstream images keep more of their accuracy on corrupted images?",
  claim: {
    text: "Larger models, trained on more images, are more robust to shifts of the test images.",
    source: "papers.md 10.9 (Kolesnikov et al., 2020; Zhai et al., 2022), on ObjectNet",
  },
  prediction:
    "kept accuracy of large networks on all images - that of small ones on the smallest subset is at least 2 points",
  smallestEffect: smallest,
  measure:
    "kept accuracy, (corrupted - chance) / (clean - chance), of the network's own head on held-out images; mean over fifteen corruptions at severity 3; top-5 accuracy for 50 classes or more",
  varies: "family, size, number of upstream images",
  fixed: "training images seen, recipe, held-out images, random draws of the corruptions",
  rule: `${pairedRule}, mean over ViT and ResNet`,
  runs: (context) =>
    gridRuns(
      context,
      { families: ["ViT", "ResNet"], subsets: ends(context.scale.subsets) },
      placeByImages,
      corruptionJob,
    ),
  rows: ({ series }, { measurements }) =>
    measurements.flatMap(({ values, ...at }) => [
      { ...at, y: values["kept"] ?? Number.NaN },
      { ...at, series: `${series}, clean`, y: values["clean"] ?? Number.NaN },
      { ...at, series: `${series}, corrupted`, y: values["corrupted"] ?? Number.NaN },
    ]),
  figures: (rows) => {
    const figure = (title: string, label: string, measure?: string) =>
      lineFigure(rowsOfMeasure(rows, measure), {
        title,
        description: `A line for each network: ${label} over the number of upstream images.`,
        x: { label: "upstream images", scale: "log" },
        y: { label },
      });
    return [
      figure("Accuracy above chance that is kept under corruption", "kept accuracy"),
      figure("Accuracy on corrupted images", "accuracy", "corrupted"),
    ];
  },
  judge: (rows) => {
    const [least, most] = [positions(rows)[0], positions(rows).at(-1)];
    const at = (size: string, x: number | undefined) =>
      bySeed(rows, (row) => row.series.endsWith(` ${size}`) && row.x === x);
    return decide(
      pairedEffect([
        { weight: 1, values: at("large", most) },
        { weight: -1, values: at("small", least) },
      ]),
      {
        smallest,
        what: "kept accuracy of large networks on all images minus that of small ones on the smallest subset",
      },
    );
  },
};
