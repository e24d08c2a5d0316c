/**
 * Does an object on the border between patches cost accuracy? A generated set in which only the offset of an object to the
 * patch grid varies.
 *
 * A small object (the same pixels) stands on a background (fixed for each object) at every offset within one patch. A head is
 * fitted to frozen features of other objects at random places; then the objects are named at each offset, and the answers
 * are told apart by how far the object's centre is from the nearest border of a patch. The objects, not the images, are the
 * independent trials, so intervals are over objects. What a move by itself changes (position embeddings, borders of the image)
 * is shown by moves of a whole patch, which keep the object's place on the grid.
 */

import type { Features } from "../../algebra/features.js";
import { studentQuantile } from "../../algebra/statistics.js";
import type { ImageSource } from "../../data/index.js";
import { describePreprocessing, preprocessing, type RawImage } from "../../images/index.js";
import { headScores, imageFeatures, type Network, type RepresentOptions } from "../../networks/index.js";
import { createRandom } from "../../random/keyed.js";
import { smallest } from "../../text/arrays.js";
import { type Evaluator, highestScores } from "../../transfer/index.js";
import { generatedSource } from "../vtab/embedded/source.js";
import { type Mask, objectClasses, objectMask, paintScene } from "./patch-grid-scene.js";

export interface PatchGridOptions {
  /** Side of the patches in pixels of the image the network sees. */
  readonly patchSize: number;
  /** Side of the objects; default: three quarters of a patch, at least 5 pixels, so that an object in the middle lies within one patch. */
  readonly objectSide?: number;
  /** Pixels between offsets; default: an eighth of a patch. */
  readonly stride?: number;
  /** Test objects of each class; default: 8. */
  readonly objects?: number;
  /** Training objects of each class; default: 50. */
  readonly trained?: number;
  readonly seed?: number;
  readonly threads?: number;
  readonly onProgress?: (done: number) => void;
  readonly signal?: AbortSignal;
}

/** A mean over objects and Student's 95 % interval of it. */
export interface ObjectMean {
  readonly mean: number;
  readonly confidence95: readonly [number, number];
}

export interface DistanceResult {
  /** Pixels from the object's centre to the nearest border of a patch. */
  readonly distance: number;
  /** Offsets of each object at this distance. */
  readonly offsets: number;
  readonly accuracy: ObjectMean;
  /** The share of answers that are those given when the object is in the middle of the patch. */
  readonly agreement: ObjectMean;
  /** Cosine of the features, less the training features' mean, with those in the middle of the patch. */
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
  /** From the border to the middle of a patch. */
  readonly distances: readonly DistanceResult[];
  /** Accuracy at the least distance less accuracy at the greatest, object by object. */
  readonly borderCost: ObjectMean;
  /** Moved by a whole patch in each of four directions, in the middle of a patch as before. */
  readonly wholePatch: Pick<DistanceResult, "accuracy" | "agreement" | "cosine">;
}

/** Where an object stands: the patch that its offsets count from, and the offset of its top left pixel. */
interface Placement {
  readonly cell: readonly [y: number, x: number];
  readonly offset: readonly [y: number, x: number];
}

/** Distance in pixels of a centre at `offset + side / 2` to the nearest multiple of the patch size. */
export function borderDistance(offset: number, side: number, patchSize: number): number {
  const centre = (((offset + side / 2) % patchSize) + patchSize) % patchSize;
  return Math.min(centre, patchSize - centre);
}

/** How many images `measurePatchGrid` shows the network. */
export function patchGridImages(options: PatchGridOptions): number {
  const { trained, objects, offsets } = resolved(options);
  return objectClasses.length * (trained + objects * (offsets.length ** 2 + 4));
}

function resolved({ patchSize, objectSide, stride, objects = 8, trained = 50, seed = 0 }: PatchGridOptions) {
  const side = objectSide ?? Math.max(5, Math.round(0.75 * patchSize));
  const step = stride ?? Math.max(1, Math.floor(patchSize / 8));
  for (const [name, value] of Object.entries({ patchSize, objectSide: side, stride: step, objects, trained }))
    if (!(Number.isInteger(value) && value >= 1))
      throw new Error(`patch grid: ${name} is ${value}; give a whole number from 1`);
  if (patchSize < 2) throw new Error("patch grid: patches of one pixel have no inside to compare their borders with");
  if (side < 5) throw new Error(`patch grid: objects of ${side} pixels cannot be told apart; give 5 or more`);
  if (objects * objectClasses.length < 2) throw new Error("patch grid: give two objects or more");
  const middle = ((Math.floor((patchSize - side) / 2) % patchSize) + patchSize) % patchSize;
  const offsets = Array.from({ length: Math.ceil(patchSize / step) }, (_, i) => (middle + i * step) % patchSize);
  return { patchSize, side, offsets, middle, objects, trained, seed };
}

/** The ops of a pipeline that change values and channels but move no pixel: the generated images have the network's size. */
function withoutGeometry(pipeline: string, channels: number): string {
  const kept = preprocessing(pipeline).filter(({ name }) =>
    ["grey", "to_rgb", "value_range", "standardise"].includes(name),
  );
  const grey = channels === 1 && !kept.some(({ name }) => name === "grey") ? preprocessing("grey") : [];
  return describePreprocessing([...preprocessing("decode"), ...grey, ...kept]);
}

/**
 * Measures a backbone with a head of `evaluator`. Throws when the network's image has not two patches and an object more in
 * each direction.
 */
export async function measurePatchGrid(
  backbone: Network,
  evaluator: Evaluator,
  options: PatchGridOptions,
): Promise<PatchGridReport> {
  const { patchSize, side, offsets, middle, objects, trained, seed } = resolved(options);
  const [height, width, channels] = backbone.imageShape;
  const cells = [height, width].map((length) => Math.floor((length - side - patchSize) / patchSize)) as [
    number,
    number,
  ];
  if (smallest(cells) < 2)
    throw new Error(
      `patch grid: images of ${height} x ${width} hold too few patches of ${patchSize} to move an object of ${side}; give a larger --image-size or smaller patches`,
    );
  const classes = objectClasses.length;
  const masks = objectClasses.map((name) => objectMask(name, side));
  // The middle cell, so that a move of a whole patch stays inside.
  const home: readonly [number, number] = [Math.floor(cells[0] / 2), Math.floor(cells[1] / 2)];
  const placements: Placement[] = [
    ...offsets.flatMap((y) => offsets.map((x): Placement => ({ cell: home, offset: [y, x] }))),
    ...(
      [
        [-1, 0],
        [1, 0],
        [0, -1],
        [0, 1],
      ] as const
    ).map(([y, x]): Placement => ({ cell: [home[0] + y, home[1] + x], offset: [middle, middle] })),
  ];
  const draw = (role: string, picture: number, { cell, offset }: Placement): RawImage =>
    paintScene({
      height,
      width,
      mask: masks[picture % classes] as Mask,
      top: cell[0] * patchSize + offset[0],
      left: cell[1] * patchSize + offset[1],
      random: createRandom("patch grid", seed, role, picture),
    });
  const anywhere = (picture: number): Placement => {
    const random = createRandom("patch grid place", seed, picture);
    return {
      cell: [random.integer(cells[0] + 1), random.integer(cells[1] + 1)],
      offset: [random.integer(patchSize), random.integer(patchSize)],
    };
  };
  const count = (length: number): Int32Array => Int32Array.from({ length }, (_, i) => i);
  const source = (
    split: string,
    length: number,
    label: (i: number) => number,
    image: (i: number) => RawImage,
  ): ImageSource =>
    generatedSource({
      name: "patch grid",
      split,
      classNames: objectClasses,
      pictures: count(length),
      label,
      draw: image,
    });
  const train = source(
    "train",
    classes * trained,
    (i) => i % classes,
    (i) => draw("train", i, anywhere(i)),
  );
  const shown = placements.length;
  const test = source(
    "test",
    classes * objects * shown,
    (i) => Math.floor(i / shown) % classes,
    (i) => draw("test", Math.floor(i / shown), placements[i % shown]!),
  );
  const pass: Partial<RepresentOptions> = options.signal ? { signal: options.signal } : {};
  const pipeline = withoutGeometry(backbone.preprocessing, channels);
  const features = async (from: ImageSource, before: number) =>
    await imageFeatures(backbone, from, {
      ...pass,
      preprocessing: pipeline,
      onProgress: (done) => options.onProgress?.(before + done),
    });
  const learnt = await features(train, 0);
  const threads = { threads: options.threads };
  const fitted = await evaluator.fit(learnt, classes, evaluator.settings[0]!, { seed, ...threads });
  const named = await features(test, train.length);
  const guesses = highestScores(await headScores(fitted.head, named.features, threads));
  const directions = centred(named.features, meanRow(learnt.features));

  const centre = placements.findIndex(
    ({ cell, offset }) => cell === home && offset[0] === middle && offset[1] === middle,
  );
  // For each object, the means over the placements that `wanted` holds for.
  const over = (wanted: (placement: Placement) => boolean) => {
    const chosen = [...placements.keys()].filter((i) => wanted(placements[i]!));
    const perObject = (value: (row: number, middleRow: number, label: number) => number): number[] =>
      Array.from({ length: classes * objects }, (_, object) => {
        const values = chosen.map((i) => value(object * shown + i, object * shown + centre, object % classes));
        return values.reduce((sum, x) => sum + x, 0) / values.length;
      });
    return {
      offsets: chosen.length,
      accuracy: perObject((row, _, label) => (guesses[row] === label ? 1 : 0)),
      agreement: perObject((row, middleRow) => (guesses[row] === guesses[middleRow] ? 1 : 0)),
      cosine: perObject((row, middleRow) => cosineOf(directions, row, middleRow)),
    };
  };
  const distanceOf = ({ offset }: Placement): number =>
    Math.min(borderDistance(offset[0], side, patchSize), borderDistance(offset[1], side, patchSize));
  const home4 = (placement: Placement): boolean => placement.cell === home;
  const found = [...new Set(placements.filter(home4).map(distanceOf))].sort((a, b) => a - b);
  const byDistance = found.map((distance) => over((one) => home4(one) && distanceOf(one) === distance));
  const least = byDistance[0]!;
  const greatest = byDistance.at(-1)!;
  const moved = over((one) => !home4(one));
  return {
    patchSize,
    objectSide: side,
    classes,
    objects: classes * objects,
    trained: train.length,
    images: train.length + test.length,
    chance: 1 / classes,
    distances: byDistance.map(({ offsets: times, accuracy, agreement, cosine }, i) => ({
      distance: found[i]!,
      offsets: times,
      accuracy: objectMean(accuracy, [0, 1]),
      agreement: objectMean(agreement, [0, 1]),
      cosine: objectMean(cosine, [-1, 1]),
    })),
    borderCost: objectMean(
      least.accuracy.map((x, object) => x - greatest.accuracy[object]!),
      [-1, 1],
    ),
    wholePatch: {
      accuracy: objectMean(moved.accuracy, [0, 1]),
      agreement: objectMean(moved.agreement, [0, 1]),
      cosine: objectMean(moved.cosine, [-1, 1]),
    },
  };
}

/** Mean and Student interval over two values or more, cut to where such means can lie. */
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

/** Cosine of two rows; 1 where both are zeros. */
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
