/** Similarity of the representations of all layers, by linear CKA: within a network, and between two networks. */
import { heatMap } from "../../report/index.js";
import type { Analysis, AnalysisChart } from "../framework/analysis.js";
import { type CentredGram, ckaMatrix, fewestImages, gramOf, type HsicEstimator } from "../framework/cka.js";
import { forwardLayers, type Layer } from "../framework/forward-layers.js";
import type { Subject } from "../framework/subject.js";

const estimator: HsicEstimator = "unbiased";
/** Most images of a batch, and most bytes of its activations. */
const largestBatch = { images: 32, bytes: 256e6 };

/** CKA of each layer of a network with each layer of a network: [layers of the first][layers of the second]. */
export interface LayerSimilarity {
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  readonly cka: readonly (readonly (number | null)[])[];
}

/** Sizes of equal batches (within one image) of at most `most` images and at least `fewest`. */
export function batchSizes(images: number, most: number, fewest: number): readonly number[] {
  const batches = Math.max(1, Math.min(Math.ceil(images / Math.max(1, most)), Math.floor(images / fewest)));
  return Array.from(
    { length: batches },
    (_, i) => Math.floor(((i + 1) * images) / batches) - Math.floor((i * images) / batches),
  );
}

/** Images of a batch for which the activations of all given networks stay small. */
function imagesOfBatch(subjects: readonly Subject[]): number {
  const bytes = subjects.map((subject) => {
    const shapes = forwardLayers(subject).map(({ name }) => subject.intermediates.get(name) ?? []);
    return shapes.reduce((sum, shape) => sum + 4 * shape.reduce((product, side) => product * side, 1), 0);
  });
  return Math.min(
    largestBatch.images,
    Math.floor(largestBatch.bytes / bytes.reduce((most, one) => Math.max(most, one), 1)),
  );
}

/** Centred Gram matrices of the flattened activations of every layer, batch by batch: [batches][layers]. */
async function gramsOf(subject: Subject, layers: readonly Layer[], sizes: readonly number[]): Promise<CentredGram[][]> {
  const names = layers.map(({ name }) => name);
  const grams: CentredGram[][] = [];
  let first = 0;
  for (const size of sizes) {
    const chosen = Array.from({ length: size }, (_, i) => first + i);
    const rows = names.map((name) => {
      const columns = (subject.intermediates.get(name) ?? []).reduce((product, side) => product * side, 1);
      return { data: new Float32Array(size * columns), rows: size, columns };
    });
    let image = 0;
    for await (const traced of subject.trace(names, chosen)) {
      for (const [l, name] of names.entries())
        rows[l]?.data.set(traced[name]?.data ?? [], image * (rows[l]?.columns ?? 0));
      image++;
    }
    const batch: CentredGram[] = [];
    for (const one of rows) batch.push(await gramOf(one, estimator, { threads: subject.threads }));
    grams.push(batch);
    first += size;
  }
  return grams;
}

function similarityChart(
  title: string,
  caption: string,
  { rows, columns, cka }: LayerSimilarity,
  names: readonly [string, string],
): AnalysisChart {
  return {
    title,
    caption,
    draw: (width) =>
      heatMap({
        width,
        description: `${title}: linear CKA of every pair of layers.`,
        // the first layer is at the bottom, as in the papers
        values: [...cka].reverse(),
        rows: [...rows].reverse(),
        columns,
        range: [0, 1],
        legend: "linear CKA",
        rowLabel: names[0],
        columnLabel: names[1],
      }),
  };
}

const within =
  "Each cell compares the activations of two layers over all images: 1 where one is the other rotated and scaled, near 0 where they have nothing in common. The first layer is at the bottom left. A bright block is a group of layers that change little; a dark line is a layer that changes the representation.";

/** The most similar pair of a comparison. */
function bestPair({ rows, columns, cka }: LayerSimilarity): string {
  let best = { value: Number.NEGATIVE_INFINITY, row: 0, column: 0 };
  for (const [row, values] of cka.entries())
    for (const [column, value] of values.entries())
      if (value !== null && value > best.value) best = { value, row, column };
  return `"${rows[best.row]}" and "${columns[best.column]}" (${best.value.toFixed(2)})`;
}

/** Mean CKA of each layer with the next. */
function meanOfNeighbours({ cka }: LayerSimilarity): number {
  const next = cka.slice(0, -1).map((row, i) => row[i + 1] ?? 0);
  return next.reduce((sum, value) => sum + value, 0) / Math.max(1, next.length);
}

export const similarity: Analysis = {
  name: "similarity",
  title: "Similarity of layers",
  summary: "Linear CKA of all pairs of layers, within the network and with another one (Kornblith et al., 2019)",
  compares: true,
  unavailable: ({ images: { count } }) =>
    count < fewestImages[estimator]
      ? `CKA needs at least ${fewestImages[estimator]} images, there are ${count}; give more images or a larger count`
      : undefined,
  async run(subject, { compared } = {}) {
    if (compared && compared.images.ids.join("\n") !== subject.images.ids.join("\n"))
      throw new Error(
        `${compared.spec} could not read the same images as ${subject.spec}, so that their layers cannot be compared`,
      );
    const subjects = compared ? [subject, compared] : [subject];
    const sizes = batchSizes(subject.images.count, imagesOfBatch(subjects), fewestImages[estimator]);
    const networks: { spec: string; labels: readonly string[]; grams: CentredGram[][] }[] = [];
    for (const one of subjects) {
      const layers = forwardLayers(one);
      networks.push({
        spec: one.spec,
        labels: layers.map(({ label }) => label),
        grams: await gramsOf(one, layers, sizes),
      });
    }
    const [own, other] = networks as [(typeof networks)[0], (typeof networks)[0] | undefined];
    const pair = (a: typeof own, b: typeof own): LayerSimilarity => ({
      rows: a.labels,
      columns: b.labels,
      cka: ckaMatrix(a.grams, b.grams),
    });
    const inside = pair(own, own);
    const charts = [similarityChart(`Layers of ${own.spec}`, within, inside, [own.spec, own.spec])];
    const first = `Neighbouring layers have a CKA of ${meanOfNeighbours(inside).toFixed(2)} on average; that of the first and the last layer is ${(inside.cka[0]?.at(-1) ?? 0).toFixed(2)} (${subject.images.count} images).`;
    const data = { images: subject.images.count, batches: sizes, estimator, kernel: "linear", within: inside };
    if (!other) return { text: first, data, charts };
    const [there, between] = [pair(other, other), pair(own, other)];
    charts.push(
      similarityChart(`Layers of ${other.spec}`, "The same for the other network.", there, [other.spec, other.spec]),
      similarityChart(
        `${own.spec} and ${other.spec}`,
        "Layers of the first network in rows, of the second in columns. A bright diagonal means that both go through the same stages; a bright row or column is a layer that many layers of the other resemble.",
        between,
        [own.spec, other.spec],
      ),
    );
    return {
      text: `${first} Of the two networks, the most similar layers are ${bestPair(between)}.`,
      data: { ...data, compared: other.spec, withinCompared: there, between },
      charts,
    };
  },
};
