/** Principal components of feature maps over all images: the first three as red, green and blue. */
import { type Features, joinFeatures, rowOf } from "../../algebra/features.js";
import type { Matrix } from "../../algebra/matrix.js";
import { barChart, contactSheet, percent, pixelUri, type SheetPicture } from "../../report/index.js";
import type { Analysis } from "../framework/analysis.js";
import { evenly } from "../framework/evenly.js";
import { type SpatialLayer, spatialLayers, vectorsOf } from "../framework/layers.js";
import { imageName, imageUri } from "../framework/pictures.js";
import { principalComponents, project } from "../framework/principal-components.js";
import type { Subject, Traced } from "../framework/subject.js";

/** Maps of one layer as colours. */
export interface ColouredMaps {
  /** Colours of all positions of all images, [images * positions, 3] bytes. */
  readonly colours: Uint8Array;
  /** Fraction of the variance along the (at most three) components. */
  readonly explained: readonly number[];
  /** Positions that the components were fitted on. */
  readonly fitted: number;
}

const shownImages = 8;
const shownLayers = 4;
/** The components are fitted on at most this many numbers, and on at most this many positions if the features are wider: a second each. */
const mostFitted = { numbers: 2e6, positions: 400 };
/** Part of the values at each end of a component that is shown as 0 or 255. */
const clipped = 0.02;

/**
 * Colours positions [positions of all images, channels] by their first three principal components, which are fitted over all images together
 * (over evenly spaced positions if there are many). Each component is scaled from its 2nd to its 98th percentile to 0 to 255; a component
 * that does not exist is 128. Throws an Error for fewer than two positions.
 */
export async function colouredMaps(
  positions: Features,
  options: { readonly threads?: number | undefined } = {},
): Promise<ColouredMaps> {
  const wide = positions.columns > mostFitted.positions;
  const most = wide ? mostFitted.positions : Math.ceil(mostFitted.numbers / positions.columns);
  const sample = evenRows(positions, most);
  const found = await principalComponents(sample, 3, options);
  const coordinates = project(positions, found);
  const colours = new Uint8Array(3 * positions.rows).fill(128);
  for (let c = 0; c < coordinates.columns; c++) {
    const [low, high] = range(coordinates, c);
    for (let r = 0; r < positions.rows; r++) {
      const value = ((coordinates.data[r * coordinates.columns + c] ?? 0) - low) / (high - low);
      colours[3 * r + c] = Math.round(255 * Math.min(1, Math.max(0, value)));
    }
  }
  return { colours, explained: found.explained, fitted: sample.rows };
}

/** At most `most` rows, evenly spaced. */
function evenRows(rows: Features, most: number): Features {
  if (rows.rows <= most) return rows;
  const chosen = Array.from({ length: most }, (_, i) => rowOf(rows, Math.floor(((i + 0.5) * rows.rows) / most)));
  return joinFeatures(chosen.map((data) => ({ data, rows: 1, columns: rows.columns })));
}

function range({ data, rows, columns }: Matrix, column: number): readonly [number, number] {
  const sorted = Float64Array.from({ length: rows }, (_, r) => data[r * columns + column] ?? 0).sort();
  const [low = 0, high = 0] = [sorted[Math.floor(clipped * (rows - 1))], sorted[Math.ceil((1 - clipped) * (rows - 1))]];
  return high > low ? [low, high] : [low - 1, low + 1];
}

/** The features of every position of every image, by layer. */
async function gatherRows(subject: Subject, layers: readonly SpatialLayer[]): Promise<readonly Features[]> {
  const parts: Features[][] = layers.map(() => []);
  for await (const traced of subject.trace(layers.map(({ name }) => name))) {
    for (const [l, layer] of layers.entries()) {
      const data = vectorsOf(traced[layer.name] as Traced, layer);
      parts[l]?.push({ data, rows: layer.rows * layer.columns, columns: layer.width });
    }
  }
  return parts.map(joinFeatures);
}

/** The shown images, each followed by its maps. */
function sheetPictures(
  subject: Subject,
  layers: readonly SpatialLayer[],
  maps: readonly ColouredMaps[],
): SheetPicture[] {
  const { images } = subject;
  const pictures: SheetPicture[] = [];
  for (let i = 0; i < Math.min(shownImages, images.count); i++) {
    const id = images.ids[i] ?? `image ${i}`;
    pictures.push({ source: imageUri(subject, i), alt: id, caption: imageName(subject, i) });
    for (const [l, { rows, columns, label }] of layers.entries()) {
      const length = 3 * rows * columns;
      const data = maps[l]?.colours.subarray(i * length, (i + 1) * length) ?? new Uint8Array(length);
      pictures.push({
        source: pixelUri({ data, height: rows, width: columns, channels: 3 }),
        alt: `${label} of ${id}`,
        caption: label,
      });
    }
  }
  return pictures;
}

export const featureMaps: Analysis = {
  name: "feature-maps",
  title: "Principal components of feature maps",
  summary: "The first three principal components of each position's features over all images, as red, green and blue",
  unavailable: ({ imageShape: [, , channels] }) =>
    channels === 1 || channels === 3
      ? undefined
      : `images of ${channels} channels cannot be shown as pictures; expected 1 or 3`,
  async run(subject) {
    const layers = evenly(spatialLayers(subject), shownLayers);
    const maps: ColouredMaps[] = [];
    for (const rows of await gatherRows(subject, layers))
      maps.push(await colouredMaps(rows, { threads: subject.threads }));
    const pictures = sheetPictures(subject, layers, maps);
    const sums = maps.map(({ explained }) => explained.reduce((sum, share) => sum + share, 0));
    const [first, last] = [layers[0]?.label ?? "", layers.at(-1)?.label ?? ""];
    return {
      text: `Three directions hold ${percent(sums[0] ?? 0)} of the variance between positions at "${first}" and ${percent(sums.at(-1) ?? 0)} at "${last}".`,
      data: {
        images: subject.images.count,
        layers: layers.map((layer, l) => ({
          ...layer,
          explained: maps[l]?.explained,
          fittedPositions: maps[l]?.fitted,
        })),
      },
      charts: [
        {
          title: "Images and their maps",
          caption:
            "Beside each image, its maps from an early to a late layer. The first three principal components over the positions of all images are red, green and blue, so that within a column the same colour means similar features, in all images. Colours of different columns are not comparable.",
          draw: (width) =>
            contactSheet({
              width,
              description: "Images beside the principal components of their feature maps.",
              pictures,
              columns: layers.length + 1,
              cell: 130,
              pixelated: true,
            }),
        },
        {
          title: "Variance in the three components",
          caption: "What the colours show of the differences between positions; the rest is not visible in the maps.",
          draw: (width) =>
            barChart({
              width,
              description: "Share of the variance in the first three principal components, by layer.",
              groups: layers.map(({ label }) => label),
              series: [{ name: "three components", values: sums }],
              format: "percent",
              include: [1],
            }),
        },
      ],
    };
  },
};
