/** Computes features and raw pixels of only those images that a few-shot evaluation needs. */

import { type Features, rawPixelFeatures, rowOf } from "../../algebra/features.js";
import { type BadExample, type ImageSource, select } from "../../data/index.js";
import { imageFeatures, type Network } from "../../networks/index.js";
import { supportOrder } from "./evaluate.js";

/** The images as features of the backbone and as raw pixels, row for row. */
export interface EmbeddedImages {
  readonly features: Features<Float32Array>;
  readonly pixels: Features<Float32Array>;
  readonly labels: Int32Array;
  /** The images that could not be read and have no row. */
  readonly bad: readonly BadExample[];
}

export interface EmbeddedSource extends EmbeddedImages {
  /** Index in the source of each row. */
  readonly indices: Int32Array;
}

export interface EmbedOptions {
  /** The preprocessing for the backbone; default: its own. */
  readonly preprocessing?: string;
  /** Called with the number of images that are done. */
  readonly onProgress?: (done: number) => void;
  /** Threads that read images; 0 reads them in the calling thread. Default: the loader's choice. */
  readonly workers?: number;
}

/** Features and raw pixels of every readable image of a source. The raw pixels are those of the backbone's input. */
export async function embedSource(
  backbone: Network,
  source: ImageSource,
  { preprocessing, onProgress, workers }: EmbedOptions = {},
): Promise<EmbeddedSource> {
  const pixelRows: Float32Array[] = [];
  let columns = 0;
  const found = await imageFeatures(backbone, source, {
    preprocessing,
    onProgress,
    workers,
    onBatch: ({ image, shape, mask }) => {
      const pixels = rawPixelFeatures({ data: image, shape });
      columns = pixels.columns;
      for (const [i, valid] of mask.entries()) {
        if (valid === 1) pixelRows.push((pixels.data as Float32Array).subarray(i * columns, (i + 1) * columns));
      }
    },
  });
  const { features, labels, indices, bad } = found;
  return { features, pixels: matrix(labels.length, columns, pixelRows.entries()), labels, indices, bad };
}

/** The examples that any of the seeds draws for up to `most` shots, ascending, without the excluded ones. */
export function drawnExamples(
  source: ImageSource,
  seeds: readonly number[],
  most: number,
  without: ReadonlySet<number> = new Set(),
): number[] {
  const kept = keptIndices(source, without);
  const labels = kept.map((index) => source.labels[index]!);
  const drawn = seeds.flatMap((seed) =>
    supportOrder(labels, source.classNames.length, seed).flatMap((rows) => rows.slice(0, most)),
  );
  return [...new Set(drawn)].map((row) => kept[row]!).sort((a, b) => a - b);
}

/**
 * Features and raw pixels of the drawn images of a source; the rows of the others are zeros, which the evaluator does
 * not use. An unreadable drawn image is removed from the source, and the draw is repeated.
 */
export async function embedDrawn(
  backbone: Network,
  source: ImageSource,
  seeds: readonly number[],
  most: number,
  { onProgress, ...options }: EmbedOptions = {},
): Promise<EmbeddedImages> {
  const features = new Map<number, Float32Array>();
  const pixels = new Map<number, Float32Array>();
  const bad = new Map<number, BadExample>();
  const columns = { features: 0, pixels: 0 };
  for (;;) {
    const drawn = drawnExamples(source, seeds, most, new Set(bad.keys()));
    const missing = drawn.filter((index) => !features.has(index));
    if (missing.length === 0) break;
    const before = features.size;
    const part = await embedSource(backbone, select(source, missing, source.name), {
      ...options,
      onProgress: onProgress && ((done) => onProgress(before + done)),
    });
    columns.features = part.features.columns;
    columns.pixels = part.pixels.columns;
    for (const [row, at] of part.indices.entries()) {
      features.set(missing[at]!, rowOf(part.features, row));
      pixels.set(missing[at]!, rowOf(part.pixels, row));
    }
    for (const example of part.bad) bad.set(missing[example.index]!, example);
  }
  const kept = keptIndices(source, new Set(bad.keys()));
  const placed = (rows: Map<number, Float32Array>) =>
    [...kept.entries()].flatMap(([row, index]) => {
      const values = rows.get(index);
      return values ? [[row, values] as const] : [];
    });
  return {
    features: matrix(kept.length, columns.features, placed(features)),
    pixels: matrix(kept.length, columns.pixels, placed(pixels)),
    labels: Int32Array.from(kept, (index) => source.labels[index]!),
    bad: [...bad.values()],
  };
}

const keptIndices = (source: ImageSource, without: ReadonlySet<number>): number[] =>
  Array.from({ length: source.length }, (_, index) => index).filter((index) => !without.has(index));

function matrix(
  rows: number,
  columns: number,
  filled: Iterable<readonly [number, Float32Array]>,
): Features<Float32Array> {
  const data = new Float32Array(rows * columns);
  for (const [row, values] of filled) data.set(values, row * columns);
  return { data, rows, columns };
}
