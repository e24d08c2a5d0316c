/** Classifies images and returns the most probable classes of each. */

import { existsSync } from "node:fs";
import { rowOf } from "../algebra/features.js";
import {
  type BadExample,
  type ImageSource,
  imageFiles,
  type NamedImage,
  noteUnreadable,
  openSource,
  rememberIds,
  sourceKinds,
} from "../data/index.js";
import {
  type ComputeOptions,
  describeNetwork,
  type Guess,
  imageLogits,
  type NetworkDescription,
  open,
  topClasses,
} from "../networks/index.js";
import { type Hooks, withProgress } from "../text/progress.js";

export interface PredictOptions extends ComputeOptions, Hooks {
  /** Number of classes per image, most probable first. Default: 1. */
  readonly top?: number | undefined;
}

/** The most probable classes of one image. */
export interface Prediction {
  /** The path or id of the image. */
  readonly image: string;
  readonly guesses: readonly Guess[];
}

/** Predictions for the images of a dataset, and the network that made them. */
export interface Predictions {
  readonly predictions: readonly Prediction[];
  /** The images that could not be read. */
  readonly bad: readonly BadExample[];
  readonly model: NetworkDescription;
}

/**
 * Whether an argument is a dataset (an archive, IDX files, embedded:NAME, photos/?take=9) rather than a file or a
 * folder of images.
 */
export function isDataset(place: string): boolean {
  if (!existsSync(place))
    return /^[a-z]+:./.test(place) || existsSync(place.slice(0, Math.max(0, place.lastIndexOf("?"))));
  return Object.entries(sourceKinds).some(([name, kind]) => name !== "folder" && kind.recognises(place));
}

async function openImages(places: readonly (string | NamedImage)[]): Promise<ImageSource> {
  const dataset = places.find((place): place is string => typeof place === "string" && isDataset(place));
  if (dataset === undefined) return await imageFiles(places);
  if (places.length > 1) throw new Error(`${dataset} is a dataset; give it alone`);
  return await openSource(dataset, { unlabelled: true });
}

/** Up to this many images, no progress is shown. */
const fewImages = 32;
// Reads files in this thread only: images in memory cannot be read by another.
const pass = { workers: 0, maxBadFraction: 1 } as const;

/**
 * Classifies images with a network: a run, published weights, a classifier of `fit` or an ONNX file with logits.
 *
 * `images` are paths of files and folders and images in memory, or one dataset (a .tar, IDX files, `embedded:NAME`).
 * Images that cannot be read are reported and skipped.
 *
 * Throws what opening the network or the images throws.
 *
 * @example const { predictions } = await predict("models/photos", ["photo.jpg"], { top: 5 });
 * predictions[0].guesses[0]; // { class: 2, name: "boots", probability: 0.93 }
 */
export async function predict(
  network: string,
  images: readonly (string | NamedImage)[],
  { top = 1, note, progress, signal, ...compute }: PredictOptions = {},
): Promise<Predictions> {
  await using opened = await openImages(images);
  const { source, ids } = rememberIds(opened);
  for (const text of source.notes ?? []) note?.(text);
  const batchSize = Math.min(source.length, fewImages);
  await using classifier = await open(network, { output: "logits", ...compute, note, batchSize });
  const shown = source.length < fewImages ? undefined : progress;
  const { features, indices, bad } = await withProgress(shown, source.length, (onProgress) =>
    imageLogits(classifier, source, { ...pass, onProgress, signal }),
  );
  const predictions: Prediction[] = [];
  for (const [row, index] of indices.entries()) {
    const logits = rowOf(features, row);
    const guesses = topClasses(logits, top, classifier.loss, classifier.classNames);
    predictions.push({ image: ids.get(index) ?? `#${index}`, guesses });
  }
  noteUnreadable(bad, note);
  return { predictions, bad, model: describeNetwork(classifier) };
}
