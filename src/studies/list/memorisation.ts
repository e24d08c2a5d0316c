/** Study 23: is a test image classified as its nearest training image is? */

import { join } from "node:path";
import { meanOf } from "../../algebra/statistics.js";
import { openSource } from "../../data/index.js";
import { imageFeatures, imageLogits, open } from "../../networks/index.js";
import { highestScores } from "../../transfer/index.js";
import { lineFigure } from "../framework/figures.js";
import { type Cell, gridJob, gridRuns, placeByImages } from "../framework/grid.js";
import { defineJob, type Job } from "../framework/job.js";
import type { Study, StudyContext } from "../framework/study.js";
import { type Row, rowsOfMeasure } from "../framework/table.js";
import { pairedRule } from "../framework/texts.js";
import { heldImages, upstreamImages } from "../framework/training-job.js";
import { compareSeries } from "../framework/variants.js";
import { agreementOf, nearestRows } from "../jobs/nearest.js";

/** Finds the nearest training image of every held-out image, among those that the network was trained on. */
function nearestJob(context: StudyContext, cell: Cell): Job {
  const source = gridJob(context, cell);
  const held = heldImages(context);
  const trained = upstreamImages(context, cell.images, cell.seed);
  return defineJob({
    title: `nearest training images, ${source.title}`,
    settings: { kind: "nearest images", images: cell.images, seed: cell.seed, heldImages: context.scale.heldImages },
    needs: [source],
    flops: () => (source.flops() * (cell.images + 2 * context.scale.heldImages)) / (3 * context.scale.examples),
    run: async ({ folderOf, threads, signal }) => {
      const path = join(folderOf(source), "run");
      const options = { threads, batchSize: 50 };
      const pass = { workers: 0, ...(signal && { signal }) };
      await using train = await openSource(trained, { split: "train" });
      await using test = await openSource(held.spec, { split: held.split });
      await using network = await open(path, options);
      await using classifier = await open(path, { ...options, output: "logits" });
      const bank = await imageFeatures(network, train, pass);
      const queries = await imageFeatures(network, test, pass);
      const scores = await imageLogits(classifier, test, pass);
      const { rows, similarities } = await nearestRows(queries.features, bank.features, threads);
      const values = agreementOf({
        predicted: highestScores(scores.features),
        nearest: Int32Array.from(rows, (row) => bank.labels[row] ?? -1),
        labels: queries.labels,
      });
      const similarity = meanOf([...similarities]);
      return { measurements: [{ images: 0, flops: 0, seconds: 0, values: { ...values, similarity } }], details: {} };
    },
  });
}

/** Measured values and the suffixes of their series; the agreement has none. */
const others = {
  nearestAccuracy: "accuracy of the nearest image",
  accuracy: "accuracy",
  agreementOfMistakes: "agreement of mistakes",
  similarity: "similarity",
} as const;

const smallest = 0.02;

/** Rows of one value, of all families, by size. */
const bySize = (rows: readonly Row[]): Row[] =>
  rowsOfMeasure(rows).map((row) => ({ ...row, series: row.series.replace(/^\S+ /, "") }));

export const memorisation: Study = {
  number: 23,
  name: "memorisation",
  title: "Predictions and the nearest training images",
  question: "Is a test image classified as its nearest training image is, and more often so in larger networks?",
  claim: {
    text: "Networks memorise the labels of single training images, and classify similar test images by them; larger networks memorise more.",
    source:
      "papers.md 10.11 (Feldman and Zhang, 2020), without distances in feature space; the size of the network is our addition",
  },
  prediction: "agreement of the large networks - agreement of the small ones is at least 2 points",
  smallestEffect: smallest,
  measure:
    "fraction of held-out images whose predicted class is the label of the nearest training image (cosine similarity of features)",
  varies: "family, size, number of upstream images",
  fixed: "training images seen, recipe; the nearest image is searched among those that the network was trained on",
  rule: `${pairedRule}, mean over ViT and ResNet and over all numbers of images`,
  runs: (context) => gridRuns(context, { families: ["ViT", "ResNet"] }, placeByImages, nearestJob),
  rows: ({ series }, { measurements }) =>
    measurements.flatMap(({ values, ...at }) => [
      { ...at, y: values["agreement"] ?? Number.NaN },
      ...Object.entries(others).flatMap(([name, suffix]) => {
        const y = values[name];
        // there is no agreement of mistakes without a mistake
        return y === undefined || Number.isNaN(y) ? [] : [{ ...at, series: `${series}, ${suffix}`, y }];
      }),
    ]),
  figures: (rows) => {
    const figure = (title: string, label: string, measure?: string) =>
      lineFigure(rowsOfMeasure(rows, measure), {
        title,
        description: `A line for each network: ${label} over the number of upstream images.`,
        x: { label: "upstream images", scale: "log" },
        y: { label, format: measure === others.similarity ? "number" : "percent" },
      });
    return [
      figure("Predictions that are the label of the nearest training image", "agreement"),
      figure("The same among wrong predictions", "agreement", others.agreementOfMistakes),
      figure("Cosine similarity to the nearest training image", "similarity", others.similarity),
    ];
  },
  judge: (rows) => compareSeries(bySize(rows), { more: "large", less: "small" }, smallest),
};
