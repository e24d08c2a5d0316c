/** Computes the features of one part of a task once and stores them beside the results. */

import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { joinFeatures, type LabelledFeatures } from "../../algebra/features.js";
import type { ImageSource } from "../../data/index.js";
import { makeFolder } from "../../files/folder.js";
import { readSafetensors, writeSafetensors } from "../../formats/safetensors.js";
import { imageFeatures, type Network } from "../../networks/index.js";

/** The features of the readable images of a part, and the number of unreadable images. */
export interface PartFeatures extends LabelledFeatures {
  readonly labels: Int32Array;
  readonly unreadable: number;
}

export interface PartFeaturesOptions {
  /** The file that stores the features. */
  readonly path: string;
  readonly preprocessing: string;
  readonly onProgress?: (done: number) => void;
  readonly signal?: AbortSignal;
}

/** Computes the features of a source and writes them to a file atomically. */
export async function makeFeatures(
  backbone: Network,
  source: ImageSource,
  { path, preprocessing, onProgress, signal }: PartFeaturesOptions,
): Promise<PartFeatures> {
  const { features, labels, bad } = await imageFeatures(backbone, source, {
    preprocessing,
    // For raw pixels of a thousand images, starting decoder threads costs more than it saves; a network is worth them.
    workers: backbone.kind === "pixels" ? 0 : undefined,
    onProgress,
    signal,
  });
  makeFolder(dirname(path));
  const { data, rows, columns } = features;
  await writeSafetensors(
    path,
    new Map([
      ["features", { dtype: "float32" as const, shape: [rows, columns], data }],
      ["labels", { dtype: "int32" as const, shape: [rows], data: labels }],
    ]),
    new Map([["unreadable", String(bad.length)]]),
  );
  return { features, labels, unreadable: bad.length };
}

/** Whether a file of features exists. */
export const haveFeatures = (path: string): boolean => existsSync(path);

/**
 * Reads a file that `makeFeatures` wrote. Throws WeightsError for a damaged file; remove the file to compute it again.
 */
export async function readFeatures(path: string): Promise<PartFeatures> {
  const { tensors, metadata } = await readSafetensors(path);
  const { data, shape } = tensors.get("features")!;
  const [rows, columns] = shape as [number, number];
  return {
    features: { data: data as Float32Array, rows, columns },
    labels: tensors.get("labels")!.data as Int32Array,
    unreadable: Number(metadata.get("unreadable")),
  };
}

/** Concatenates two parts. */
export function joinParts(a: PartFeatures, b: PartFeatures): PartFeatures {
  return {
    features: joinFeatures([a.features, b.features]),
    labels: Int32Array.from([...a.labels, ...b.labels]),
    unreadable: a.unreadable + b.unreadable,
  };
}
