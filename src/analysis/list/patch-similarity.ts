/** Similarity of one patch with all others, layer by layer: cosines of their vectors, as for position embeddings (papers.md 9.2). */
import { contactSheet, lineChart, type SheetPicture } from "../../report/index.js";
import { largest, smallest } from "../../text/arrays.js";
import type { Analysis } from "../framework/analysis.js";
import { chosenPatch, lastGrid } from "../framework/choice.js";
import { cosines } from "../framework/cosines.js";
import { evenly } from "../framework/evenly.js";
import { cellAt, type SpatialLayer, spatialLayers, vectorsOf } from "../framework/layers.js";
import { firstImages, notShown, photoUri, shownPixels, underMap, withMark } from "../framework/overlays.js";
import { imageName } from "../framework/pictures.js";
import type { Subject, Traced } from "../framework/subject.js";

const shownLayers = 6;
const mostImages = 3;

/**
 * Mean cosine of all pairs of different vectors of a table [count, width]; NaN for fewer than two. The sum over all pairs is the squared norm
 * of the sum of the vectors scaled to length 1.
 */
export function meanPairCosine(table: ArrayLike<number>, count: number): number {
  if (count < 2) return Number.NaN;
  const width = table.length / count;
  const sum = new Float64Array(width);
  let own = 0;
  for (let i = 0; i < count; i++) {
    let squared = 0;
    for (let k = 0; k < width; k++) squared += (table[i * width + k] ?? 0) ** 2;
    if (squared === 0) continue;
    own++;
    for (let k = 0; k < width; k++) sum[k] = (sum[k] ?? 0) + (table[i * width + k] ?? 0) / Math.sqrt(squared);
  }
  return (sum.reduce((total, value) => total + value * value, 0) - own) / (count * (count - 1));
}

const comparedLayers = (subject: Subject): readonly SpatialLayer[] =>
  spatialLayers(subject).filter(({ rows, columns }) => rows * columns > 1);

/** Cosines of the chosen patch in the shown images, by layer, and the mean over all pairs in all images. */
interface Found {
  readonly images: readonly { readonly image: string; readonly layers: readonly number[][] }[];
  readonly pairs: readonly number[];
  readonly pictures: readonly SheetPicture[];
}

export const patchSimilarity: Analysis = {
  name: "patch-similarity",
  title: "Similarity of a patch with all others",
  summary: "Cosine of the vector of one patch with those of all patches, in several layers, over the images",
  unavailable: (subject) =>
    comparedLayers(subject).length > 0
      ? notShown(subject)
      : "every layer has one patch, and no other to compare it with",
  async run(subject, options = {}) {
    const layers = evenly(comparedLayers(subject), shownLayers);
    const patch = chosenPatch(subject, options);
    const { images, pairs, pictures } = await similarities(subject, layers, patch);
    const place = `${patch[0]},${patch[1]}`;
    const labels = layers.map(({ label }) => label);
    const value = (at: number) => (pairs.at(at) ?? Number.NaN).toFixed(2);
    return {
      text: `The mean cosine of two patches of an image is ${value(0)} at "${labels[0]}" and ${value(-1)} at "${labels.at(-1)}" (${subject.images.count} images): near 1, all patches hold the same.`,
      data: { patch, layers, meanOfPairs: pairs, images },
      charts: [
        {
          title: `Cosine of patch ${place} with all patches`,
          caption:
            "The image with the patch framed, then layers from the first to the last; in a layer with a finer grid, the cell at the centre of the patch is compared. Colours go from the smallest cosine to the largest of another patch, in each map by itself.",
          draw: (width) =>
            contactSheet({
              width,
              description: `Cosine of patch ${place} with all patches in several layers.`,
              pictures,
              group: layers.length + 1,
              columns: width < 600 ? 3 : layers.length + 1,
              cell: 168,
              aspect: subject.imageShape[0] / subject.imageShape[1],
              scale: { kind: "sequential", range: [0, 1], name: "smallest to largest of each map" },
            }),
        },
        {
          title: "Mean cosine of two patches by layer",
          caption: `Mean over all pairs of patches of an image and over the images. Layers: ${labels.map((label, i) => `${i} ${label}`).join("; ")}.`,
          draw: (width) =>
            lineChart({
              width,
              description: "Mean cosine of two patches of an image by layer.",
              series: [{ name: "mean of all pairs", points: pairs.map((y, x) => ({ x, y })) }],
              x: { label: "layer" },
              y: { label: "cosine", include: [0, 1] },
            }),
        },
      ],
    };
  },
};

async function similarities(
  subject: Subject,
  layers: readonly SpatialLayer[],
  patch: readonly [number, number],
): Promise<Found> {
  const last = lastGrid(subject);
  const shown = firstImages(subject, mostImages);
  const { count } = subject.images;
  const pairs = layers.map(() => 0);
  const images: Found["images"][number][] = [];
  const pictures: SheetPicture[] = [];
  let image = 0;
  for await (const traced of subject.trace(layers.map(({ name }) => name))) {
    const tables = layers.map((layer) => vectorsOf(traced[layer.name] as Traced, layer));
    for (const [l, { rows, columns }] of layers.entries()) {
      const mean = meanPairCosine(tables[l] ?? [], rows * columns);
      pairs[l] = (pairs[l] ?? 0) + mean / count;
    }
    if (shown.includes(image)) {
      const maps = layers.map((layer, l) => {
        const cell = cellAt(patch, last, layer);
        return { cell, values: cosines(tables[l] ?? [], layer.rows * layer.columns, [cell]) };
      });
      const name = imageName(subject, image);
      images.push({ image: name, layers: maps.map(({ values }) => Array.from(values, rounded)) });
      const pixels = shownPixels(subject, image);
      const framed = withMark(pixels, patch[0] * last.columns + patch[1], last);
      pictures.push({ source: await photoUri(framed), alt: name, caption: name });
      for (const [l, { cell, values }] of maps.entries()) {
        const layer = layers[l] as SpatialLayer;
        const others = values.filter((_, i) => i !== cell);
        const range = [smallest(values), largest(others)] as const;
        const source = await photoUri(underMap(pixels, values, layer, { kind: "sequential", range }));
        const alt = `${name}, ${layer.label}: ${range.map((value) => value.toFixed(2)).join(" to ")}`;
        pictures.push({ source, alt, caption: layer.label });
      }
    }
    image++;
  }
  return { images, pairs, pictures };
}

const rounded = (value: number): number => Number(value.toFixed(4));
