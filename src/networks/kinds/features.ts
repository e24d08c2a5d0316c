/** Computes the features of every image of a source with a network in one pass, with an optional cache on disk. */

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { type BadExample, type ImageSource, parseSpec, type SourceRecipe } from "../../data/index.js";
import { makeFolder } from "../../files/folder.js";
import { readSafetensors, writeSafetensors } from "../../formats/safetensors.js";
import type { Network } from "../forward/network.js";
import { imageRows, type Representations, type RepresentOptions, requireFiniteRows } from "../forward/rows.js";

export interface ImageFeatures extends Representations {
  /** Whether the features were read from the cache. */
  readonly cached: boolean;
}

/** Options of computing the features of a dataset. */
export interface ImageFeaturesOptions
  extends Partial<Pick<RepresentOptions, "workers" | "maxBadFraction" | "onProgress" | "onBatch" | "signal">> {
  /** Preprocessing to the backbone's size, channels and value range. Default: the backbone's own. */
  readonly preprocessing?: string;
  /**
   * Folder of the cache. Cached features are reused while backbone, preprocessing and images are the same: files are
   * compared by name, size and modification time. Sources that cannot be identified in this way (in memory, or on a
   * server) are not cached, and neither is a pass with `onBatch`, which needs the images. Default: no cache.
   */
  readonly cache?: string;
}

/**
 * Computes the features of every readable image of a source, in the source's order.
 *
 * Throws when no image can be read or more than `maxBadFraction` of them cannot, when features are NaN or infinite, and
 * the errors of the file system.
 *
 * @example const backbone = await open("embedded:bit"); const { features, labels } = await imageFeatures(backbone,
 * await openSource("embedded:clothing"));
 */
export async function imageFeatures(
  network: Network,
  source: ImageSource,
  options: ImageFeaturesOptions = {},
): Promise<ImageFeatures> {
  const { cache, preprocessing = network.preprocessing, onBatch, ...pass } = options;
  const key = cache === undefined || onBatch ? undefined : await cacheKey(network, source, preprocessing);
  const file = key === undefined ? undefined : join(cache!, `${key}.safetensors`);
  const found = file === undefined ? undefined : await readCached(file, source);
  if (found) {
    pass.onProgress?.(source.length, source.length);
    return found;
  }
  const rows = await imageRows(network.run, source, {
    ...pass,
    onBatch,
    batchSize: network.batchSize,
    preprocessing,
    // a source in memory cannot be read by other threads
    workers: source.recipe ? pass.workers : 0,
  });
  await requireFiniteRows(rows, source, "features");
  const result = { ...rows, cached: false };
  if (file !== undefined) await writeCached(file, result);
  return result;
}

async function writeCached(file: string, { features, indices, bad }: ImageFeatures): Promise<void> {
  makeFolder(join(file, ".."));
  await writeSafetensors(
    file,
    new Map([
      ["features", { dtype: "float32" as const, shape: [features.rows, features.columns], data: features.data }],
      ["indices", { dtype: "int32" as const, shape: [features.rows], data: indices }],
    ]),
    new Map([["bad", JSON.stringify(bad)]]),
  );
}

/** The contents of a cache file; undefined if there is none, or it is damaged and must be written again. */
async function readCached(file: string, source: ImageSource): Promise<ImageFeatures | undefined> {
  if (!existsSync(file)) return undefined;
  try {
    const { tensors, metadata } = await readSafetensors(file);
    const { data, shape } = tensors.get("features")!;
    const indices = tensors.get("indices")!.data as Int32Array;
    const [rows, columns] = shape as [number, number];
    return {
      features: { data: data as Float32Array, rows, columns },
      labels: Int32Array.from(indices, (index) => source.labels[index]!),
      indices,
      bad: JSON.parse(metadata.get("bad")!) as BadExample[],
      cached: true,
    };
  } catch {
    return undefined;
  }
}

/**
 * The cache key, which changes with everything that determines the features; undefined if images cannot be identified
 * without reading them.
 */
async function cacheKey(network: Network, source: ImageSource, preprocessing: string): Promise<string | undefined> {
  const images = source.recipe && (await recipeStamp(source.recipe));
  if (images === undefined) return undefined;
  const hash = createHash("sha256");
  hash.update(JSON.stringify([1, await network.identity(), preprocessing, source.length, source.recipe]));
  hash.update(images);
  return hash.digest("hex").slice(0, 40);
}

/** Identifies the images of a recipe by the files that hold them; undefined if that is not enough. */
async function recipeStamp(recipe: SourceRecipe): Promise<string | undefined> {
  if (recipe.kind === "concat") {
    const parts = await Promise.all(recipe.of.map(recipeStamp));
    return parts.includes(undefined) ? undefined : parts.join("\n");
  }
  if (recipe.kind !== "open") return await recipeStamp(recipe.of);
  const { path, kindName } = parseSpec(recipe.spec);
  // their contents are determined by name and options
  if (kindName === "embedded" || kindName === "generated") return recipe.spec;
  if (!existsSync(path)) return undefined;
  const lines: string[] = [];
  await stampFiles(path, lines);
  return lines.join("\n");
}

async function stampFiles(path: string, lines: string[]): Promise<void> {
  const found = await stat(path);
  if (!found.isDirectory()) {
    lines.push(`${path} ${found.size} ${found.mtimeMs}`);
    return;
  }
  for (const name of (await readdir(path)).sort()) await stampFiles(join(path, name), lines);
}
