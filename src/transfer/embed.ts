/** Writes the features of every image of a dataset to a safetensors file. */

import { existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { type BadExample, noteUnreadable, openSource, rememberIds } from "../data/index.js";
import { makeFolder, refuseExisting } from "../files/folder.js";
import { writeSafetensors } from "../formats/safetensors.js";
import {
  type ComputeOptions,
  describeNetwork,
  imageFeatures,
  type NetworkDescription,
  open,
} from "../networks/index.js";
import { type Hooks, withProgress } from "../text/progress.js";
import { backboneOrDefault } from "../weights/index.js";

export interface EmbedImagesOptions extends ComputeOptions, Hooks {
  /** Any network with features (see `open`). Default: `defaultBackbone`. */
  readonly backbone?: string | undefined;
  /** Side of the images, or [height, width]. Default: the backbone's own. */
  readonly imageSize?: number | readonly [number, number] | undefined;
  /** Split of the images. Default: train. */
  readonly split?: string | undefined;
  /** The file to write. Default: embeddings.safetensors. */
  readonly output?: string | undefined;
  /** Replace an existing file. Default: false, which refuses it. */
  readonly overwrite?: boolean | undefined;
}

/** Describes the written file. */
export interface Embeddings {
  readonly output: string;
  readonly checkpoint: string;
  readonly source: string;
  readonly split: string;
  /** Rows of the file. */
  readonly images: number;
  /** Number of features per image. */
  readonly width: number;
  readonly classNames: readonly string[];
  /** The images that could not be read and have no row. */
  readonly bad: readonly BadExample[];
  readonly model: NetworkDescription;
  readonly seconds: number;
}

/**
 * Writes `features` [images, width] (float32) and `labels` [images] (int32) of the images of a dataset; the metadata of
 * the file has the ids of the images and the names of the classes as JSON.
 *
 * Throws what opening the images or the backbone throws, the errors of the file system, and an Error when the output
 * exists and `overwrite` is not set, or is a folder.
 *
 * @example await embed("photos/", { backbone: "runs/one", output: "photos.safetensors" });
 */
export async function embed(images: string, options: EmbedImagesOptions = {}): Promise<Embeddings> {
  const started = performance.now();
  const { backbone: spec, output = "embeddings.safetensors", split, note, progress, signal } = options;
  if (existsSync(output) && statSync(output).isDirectory()) {
    throw new Error(`${output} is a folder; name the file to write, such as ${output}/embeddings.safetensors`);
  }
  refuseExisting(output, options.overwrite);
  await using opened = await openSource(images, { unlabelled: true, split });
  for (const text of opened.notes ?? []) note?.(text);
  const { device, threads, imageSize } = options;
  await using backbone = await open(backboneOrDefault(spec, note), { device, threads, imageSize, note });
  const { source, ids } = rememberIds(opened);
  const { features, labels, indices, bad } = await withProgress(progress, source.length, (onProgress) =>
    imageFeatures(backbone, source, { workers: 0, maxBadFraction: 1, onProgress, signal }),
  );
  const { data, columns: width } = features;
  noteUnreadable(bad, note);
  const metadata = {
    ids: JSON.stringify(Array.from(indices, (index) => ids.get(index))),
    classNames: JSON.stringify(source.classNames),
    checkpoint: backbone.path,
    preprocessing: backbone.preprocessing,
    source: images,
    split: source.split,
  };
  makeFolder(dirname(output));
  await writeSafetensors(
    output,
    new Map([
      ["features", { dtype: "float32", shape: [labels.length, width], data }],
      ["labels", { dtype: "int32", shape: [labels.length], data: labels }],
    ]),
    new Map(Object.entries(metadata)),
  );
  return {
    output,
    checkpoint: backbone.path,
    source: images,
    split: source.split,
    images: labels.length,
    width,
    classNames: source.classNames,
    bad,
    model: describeNetwork(backbone),
    seconds: (performance.now() - started) / 1000,
  };
}
