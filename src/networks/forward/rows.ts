/** Runs a network over every image of a source, to rows of features or of logits. */
import { type Features, rowOf } from "../../algebra/features.js";
import { type BadExample, type Batch, createLoader, type ImageSource } from "../../data/index.js";
import type { Network } from "./network.js";

export interface PassOptions {
  /** Images per batch; with several ranks, of all their parts together. */
  readonly batchSize: number;
  readonly preprocessing: string;
  readonly workers?: number;
}

/** The outputs of a network for the images of a source. */
export interface Representations {
  /** Features or logits, one row per image. */
  readonly features: Features<Float32Array>;
  readonly labels: Int32Array;
  /** Index in the source of each row. */
  readonly indices: Int32Array;
  /** The images that could not be read and have no row. */
  readonly bad: readonly BadExample[];
}

export interface RepresentOptions extends PassOptions {
  /** The fraction of unreadable images above which the pass fails (see LoaderOptions). */
  readonly maxBadFraction?: number;
  /** Ends the pass between two batches, which then throws the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called with the number of images processed, including unreadable ones. */
  readonly onProgress?: (done: number, total: number) => void;
  /**
   * Called with every batch that has a readable image, before it runs. Its arrays are reused afterwards; do not keep
   * them.
   */
  readonly onBatch?: (batch: Batch) => void;
}

/**
 * Maps a batch of images [N, H, W, C] to rows [N, width]. The array of `feeds` may be taken over until the promise
 * settles; then `feeds` holds an array that belongs to the caller again.
 */
export type RowsOfImages = (feeds: { image: Float32Array }) => Promise<Float32Array>;

/** The pixels of each image as its row; copied, since the loader reuses the array of a batch. */
export const pixelRows: RowsOfImages = async ({ image }) => image.slice();

/**
 * The logits of every readable image of a source, in the source's order, by a network that was opened for logits.
 *
 * Throws when no image can be read or more than `maxBadFraction` of them cannot, and when logits are NaN or infinite.
 */
export async function imageLogits(
  network: Network,
  source: ImageSource,
  options: Partial<RepresentOptions> = {},
): Promise<Representations> {
  const { preprocessing = network.preprocessing } = options;
  const rows = await imageRows(network.run, source, { ...options, preprocessing, batchSize: network.batchSize });
  await requireFiniteRows(rows, source, "logits");
  return rows;
}

/** The output of `run` for every readable image of a source, in the source's order. Throws when there is none. */
export async function imageRows(
  run: RowsOfImages,
  source: ImageSource,
  options: RepresentOptions,
): Promise<Representations> {
  const { batchSize, preprocessing, workers, maxBadFraction, onProgress, onBatch, signal } = options;
  const loader = createLoader(source, {
    batchSize,
    preprocessing,
    evaluation: true,
    // each image is used once
    cacheBytes: 0,
    workers,
    maxBadFraction,
  });
  const rows: Float32Array[] = [];
  const labels: number[] = [];
  const indices: number[] = [];
  let width = 0;
  let done = 0;
  try {
    for (let batch = await loader.next(); batch; batch = await loader.next()) {
      signal?.throwIfAborted();
      done = Math.min(done + batchSize, source.length);
      if (batch.image.length === 0) {
        onProgress?.(done, source.length);
        continue;
      }
      onBatch?.(batch);
      const feeds = { image: batch.image };
      const values = await run(feeds);
      width = values.length / batchSize;
      for (let i = 0; i < batchSize; i++) {
        if (batch.mask[i] === 0) continue;
        rows.push(values.subarray(i * width, (i + 1) * width));
        labels.push(batch.label[i]!);
        indices.push(batch.indices[i]!);
      }
      onProgress?.(done, source.length);
      loader.recycle({ ...batch, image: feeds.image });
    }
  } finally {
    await loader.close();
  }
  const { bad } = loader.stats();
  if (rows.length === 0) throw noneReadable(source, bad);
  const data = new Float32Array(rows.length * width);
  for (const [i, row] of rows.entries()) data.set(row, i * width);
  return {
    features: { data, rows: rows.length, columns: width },
    labels: Int32Array.from(labels),
    indices: Int32Array.from(indices),
    bad,
  };
}

/**
 * Throws an Error with the first image whose row contains NaN or an infinity. `what` describes the rows in the message
 * ("features").
 */
export async function requireFiniteRows(
  { features, indices }: Pick<Representations, "features" | "indices">,
  source: ImageSource,
  what: string,
): Promise<void> {
  const wrong = [...indices.keys()].filter((row) => !rowOf(features, row).every(Number.isFinite));
  const [first] = wrong;
  if (first === undefined) return;
  const { id } = await source.get(indices[first] ?? 0);
  throw new Error(
    `the ${what} of ${wrong.length} of ${indices.length} images of ${source.name} contain NaN or infinities (the first: ${id}): the network has diverged, or its weights or the range of its input (range=LOW,HIGH) are wrong`,
  );
}

export function noneReadable({ name }: ImageSource, [first]: readonly BadExample[]): Error {
  return new Error(`no image of ${name} could be read${first ? `; the first, ${first.id}: ${first.reason}` : ""}`);
}
