/**
 * Measures whether an object on a patch border costs accuracy, on generated images in which only the offset of an
 * object to the patch grid varies.
 *
 * A small object (the same pixels) is placed on a background (fixed for each object) at every offset within one patch.
 * A head is fitted to frozen features of other objects at random positions. The objects are then classified at each
 * offset, and the accuracy is reported by the distance of the object's centre from the nearest patch border. The
 * objects, not the images, are the independent trials, so intervals are over objects. Shifts by a whole patch keep an
 * object's position on the grid and show the effect of a shift as such (position embeddings, image borders).
 */

import type { Features } from "../../algebra/features.js";
import { studentQuantile } from "../../algebra/statistics.js";
import type { ImageSource } from "../../data/index.js";
import { describePreprocessing, preprocessing } from "../../images/index.js";
import { headScores, imageFeatures, type Network, type RepresentOptions } from "../../networks/index.js";
import { type Evaluator, highestScores } from "../../transfer/index.js";
import {
  borderDistance,
  type PatchGridImageOptions,
  type Placement,
  type Placements,
  patchGridSettings,
  patchGridSources,
} from "./patch-grid-images.js";
import { objectClasses } from "./patch-grid-scene.js";

export interface PatchGridOptions extends PatchGridImageOptions {
  readonly threads?: number;
  readonly onProgress?: (done: number) => void;
  readonly signal?: AbortSignal;
}

/** A mean over objects and its 95 % interval by Student's t. */
export interface ObjectMean {
  readonly mean: number;
  readonly confidence95: readonly [number, number];
}

export interface DistanceResult {
  /** Pixels from the object's centre to the nearest patch border. */
  readonly distance: number;
  /** Offsets of each object at this distance. */
  readonly offsets: number;
  readonly accuracy: ObjectMean;
  /** The fraction of predictions that equal the one for the object at the patch centre. */
  readonly agreement: ObjectMean;
  /** Cosine similarity to the features at the patch centre, after subtracting the mean of the training features. */
  readonly cosine: ObjectMean;
}

export interface PatchGridReport {
  readonly patchSize: number;
  readonly objectSide: number;
  readonly classes: number;
  readonly objects: number;
  readonly trained: number;
  readonly images: number;
  readonly chance: number;
  /** From the border to the centre of a patch. */
  readonly distances: readonly DistanceResult[];
  /** Accuracy at the smallest distance minus accuracy at the largest, object by object. */
  readonly borderCost: ObjectMean;
  /** Results after shifts by a whole patch in each of four directions, at the patch centre as before. */
  readonly wholePatch: Pick<DistanceResult, "accuracy" | "agreement" | "cosine">;
}

/**
 * The ops of a pipeline that change values and channels, without those that move pixels: the generated images already
 * have the network's size.
 */
function withoutGeometry(pipeline: string, channels: number): string {
  const kept = preprocessing(pipeline).filter(({ name }) =>
    ["grey", "to_rgb", "value_range", "standardise"].includes(name),
  );
  const grey = channels === 1 && !kept.some(({ name }) => name === "grey") ? preprocessing("grey") : [];
  return describePreprocessing([...preprocessing("decode"), ...grey, ...kept]);
}

/**
 * Measures a backbone with a head of `evaluator`. Throws when the network's input is smaller than two patches and an
 * object in a direction.
 */
export async function measurePatchGrid(
  backbone: Network,
  evaluator: Evaluator,
  options: PatchGridOptions,
): Promise<PatchGridReport> {
  const settings = patchGridSettings(options);
  const { patchSize, side, objects, seed } = settings;
  const { train, test, placements } = patchGridSources(backbone.imageShape, settings);
  const classes = objectClasses.length;
  const pass: Partial<RepresentOptions> = options.signal ? { signal: options.signal } : {};
  const pipeline = withoutGeometry(backbone.preprocessing, backbone.imageShape[2]);
  const featuresOf = async (source: ImageSource, before: number) =>
    await imageFeatures(backbone, source, {
      ...pass,
      preprocessing: pipeline,
      onProgress: (done) => options.onProgress?.(before + done),
    });
  const trained = await featuresOf(train, 0);
  const threads = { threads: options.threads };
  const fitted = await evaluator.fit(trained, classes, evaluator.settings[0]!, { seed, ...threads });
  const tested = await featuresOf(test, train.length);
  const over = comparisons(placements, classes * objects, {
    predictions: highestScores(await headScores(fitted.head, tested.features, threads)),
    directions: centred(tested.features, meanRow(trained.features)),
  });

  const distanceOf = ({ offset }: Placement): number =>
    Math.min(borderDistance(offset[0], side, patchSize), borderDistance(offset[1], side, patchSize));
  const distances = [...new Set(placements.all.filter(placements.isHome).map(distanceOf))].sort((a, b) => a - b);
  const byDistance = distances.map((distance) => over((one) => placements.isHome(one) && distanceOf(one) === distance));
  const nearest = byDistance[0]!.accuracy;
  const farthest = byDistance.at(-1)!.accuracy;
  return {
    patchSize,
    objectSide: side,
    classes,
    objects: classes * objects,
    trained: train.length,
    images: train.length + test.length,
    chance: 1 / classes,
    distances: byDistance.map((one, i) => ({
      distance: distances[i]!,
      offsets: one.offsets,
      ...objectMeans(one),
    })),
    borderCost: objectMean(
      nearest.map((x, object) => x - farthest[object]!),
      [-1, 1],
    ),
    wholePatch: objectMeans(over((one) => !placements.isHome(one))),
  };
}

/** Means of each object over some of its placements. */
interface PerObject {
  /** The number of placements. */
  readonly offsets: number;
  readonly accuracy: readonly number[];
  readonly agreement: readonly number[];
  readonly cosine: readonly number[];
}

/**
 * For each object, compares the predictions at the placements that satisfy a condition with the label and with the
 * prediction at the centre.
 */
function comparisons(
  placements: Placements,
  objects: number,
  { predictions, directions }: { readonly predictions: Int32Array; readonly directions: Features },
): (condition: (placement: Placement) => boolean) => PerObject {
  const shown = placements.all.length;
  return (condition) => {
    const chosen = [...placements.all.keys()].filter((i) => condition(placements.all[i]!));
    const perObject = (value: (row: number, middleRow: number, label: number) => number): number[] =>
      Array.from({ length: objects }, (_, object) => {
        const values = chosen.map((i) =>
          value(object * shown + i, object * shown + placements.middle, object % objectClasses.length),
        );
        return values.reduce((sum, x) => sum + x, 0) / values.length;
      });
    return {
      offsets: chosen.length,
      accuracy: perObject((row, _, label) => (predictions[row] === label ? 1 : 0)),
      agreement: perObject((row, middleRow) => (predictions[row] === predictions[middleRow] ? 1 : 0)),
      cosine: perObject((row, middleRow) => cosineOf(directions, row, middleRow)),
    };
  };
}

const objectMeans = ({ accuracy, agreement, cosine }: PerObject) => ({
  accuracy: objectMean(accuracy, [0, 1]),
  agreement: objectMean(agreement, [0, 1]),
  cosine: objectMean(cosine, [-1, 1]),
});

/** Mean and Student's t interval of at least two values, clipped to the possible range of such means. */
export function objectMean(values: readonly number[], [low, high]: readonly [number, number]): ObjectMean {
  const n = values.length;
  const mean = values.reduce((sum, x) => sum + x, 0) / n;
  const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (n - 1);
  const half = studentQuantile(n - 1) * Math.sqrt(variance / n);
  return { mean, confidence95: [Math.max(low, mean - half), Math.min(high, mean + half)] };
}

function meanRow({ data, rows, columns }: Features): Float64Array {
  const mean = new Float64Array(columns);
  for (let i = 0; i < data.length; i++) mean[i % columns]! += data[i]! / rows;
  return mean;
}

const centred = ({ data, rows, columns }: Features, mean: Float64Array): Features => ({
  data: Float64Array.from(data, (x, i) => x - mean[i % columns]!),
  rows,
  columns,
});

/** Cosine similarity of two rows; 1 if both are zeros. */
function cosineOf({ data, columns }: Features, a: number, b: number): number {
  let [product, squaresA, squaresB] = [0, 0, 0];
  for (let j = 0; j < columns; j++) {
    const [x, y] = [data[a * columns + j]!, data[b * columns + j]!];
    product += x * y;
    squaresA += x * x;
    squaresB += y * y;
  }
  const size = Math.sqrt(squaresA * squaresB);
  return size === 0 ? (squaresA === squaresB ? 1 : 0) : product / size;
}
