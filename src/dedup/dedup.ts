/** Finds near-duplicates within a dataset and between it and test sets, and writes lists and a report of them. */

import { existsSync, statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { chooseSplit, type ImageSource, noteUnreadable, readSpec } from "../data/index.js";
import { closeOnError } from "../files/closable.js";
import { makeFolder, refuseExisting } from "../files/folder.js";
import { type ComputeOptions, imageFeatures, type OpenOptions, open } from "../networks/index.js";
import { type Hooks, noProgress, type Progress, withProgress } from "../text/progress.js";
import { type DescribedSet, describeSet } from "./describe/describe-set.js";
import { turns } from "./describe/turns.js";
import { type Duplicates, type FindOptions, findDuplicates, type Match } from "./find.js";
import { duplicatesPage } from "./page.js";
import { type FeatureRows, rowsInMemory } from "./search/feature-rows.js";
import { type SetRole, type Summary, summarise } from "./summary.js";

export interface DedupOptions
  extends ComputeOptions,
    Hooks,
    Pick<FindOptions, "distance" | "neighbours" | "crops" | "threshold" | "featureCosine"> {
  /** Test sets. Default: the other splits of the dataset. */
  readonly against?: readonly string[] | undefined;
  /** Split used for training. Default: train. */
  readonly split?: string | undefined;
  /** File to write: ids of the images to exclude from training, for `?exclude=FILE`. */
  readonly exclude?: string | undefined;
  /** File to write: ids of the leaked test images, which the training set contains too. */
  readonly leaked?: string | undefined;
  /** File to write: an HTML page with the images of every group. */
  readonly report?: string | undefined;
  /** Overwrite existing files. */
  readonly overwrite?: boolean | undefined;
  /** Also search for neighbours in the features of this network (see `open`). */
  readonly backbone?: string | undefined;
  readonly imageSize?: OpenOptions["imageSize"] | undefined;
  /** Store the descriptors of images in the cache folder, so that an interrupted search can be resumed. Default: true. */
  readonly cache?: boolean | undefined;
}

/** Result of a search for near-duplicates. */
export interface Deduplication {
  readonly source: string;
  readonly sets: readonly {
    readonly name: string;
    readonly split: string;
    /** Whether the split is used for training. */
    readonly upstream: boolean;
    readonly images: number;
    /** Number of images whose descriptor was read from the cache. */
    readonly remembered: number;
    readonly broken: readonly { readonly id: string; readonly reason: string }[];
  }[];
  readonly pairs: Summary["pairs"];
  readonly compared: Summary["compared"];
  /** Ids to exclude from training: all images that a test set contains, and all but one of each other group. */
  readonly leaveOut: readonly string[];
  readonly matchesTest: number;
  readonly repeated: number;
  readonly leaked: Summary["leaked"];
  readonly groups: readonly {
    readonly members: readonly { readonly set: string; readonly id: string; readonly className: string | undefined }[];
    readonly matches: readonly (Omit<Match, "turn"> & { readonly turn: string })[];
    /** Whether the group has images of the training set and of a test set. */
    readonly leaks: boolean;
    /** The classes of the members, if they disagree. */
    readonly classes: readonly string[] | undefined;
  }[];
  /** The files written and how to use each. */
  readonly files: readonly string[];
  readonly seconds: number;
}

/** An opened dataset and its role. */
interface OpenedRole {
  readonly source: ImageSource;
  readonly name: string;
  readonly upstream: boolean;
}

/** Opens the dataset and the test sets; without `tests`, the other splits of the dataset are the test sets. */
async function openRoles(upstream: string, tests: readonly string[], split: string | undefined): Promise<OpenedRole[]> {
  const roles: OpenedRole[] = [];
  const opened: ImageSource[] = [];
  const add = (spec: string, source: ImageSource, isUpstream: boolean): void => {
    opened.push(source);
    roles.push({ source, name: `${spec} (${source.split})`, upstream: isUpstream });
  };
  return await closeOnError(opened, async () => {
    const set = await readSpec(upstream, { unlabelled: true });
    const chosen = chooseSplit(upstream, set.splits, split);
    add(upstream, await set.open(chosen), true);
    if (tests.length === 0) {
      for (const other of set.splits) if (other !== chosen) add(upstream, await set.open(other), false);
    }
    for (const spec of tests) {
      const test = await readSpec(spec, { unlabelled: true });
      for (const one of test.splits) {
        if (spec === upstream && one === chosen) continue;
        add(spec, await test.open(one), false);
      }
    }
    return roles;
  });
}

/** Computes the features of all images with a backbone, dataset after dataset; zeros for images that cannot be read. */
async function networkFeatures(
  spec: string,
  sets: readonly DescribedSet[],
  { device, threads, imageSize, note, progress, signal }: DedupOptions,
): Promise<FeatureRows> {
  const backbone = await open(spec, { device, threads, imageSize, note });
  try {
    const { width } = backbone;
    const images = sets.reduce((sum, { ids }) => sum + ids.length, 0);
    const data = new Float32Array(images * width);
    let offset = 0;
    for (const { source } of sets) {
      const { features, indices } = await withProgress(progress, source.length, (onProgress) =>
        imageFeatures(backbone, source, { maxBadFraction: 1, onProgress, signal }),
      );
      for (const [row, index] of indices.entries()) {
        data.set(features.data.subarray(row * width, (row + 1) * width), (offset + index) * width);
      }
      offset += source.length;
    }
    return rowsInMemory(data, images, width);
  } finally {
    await backbone.close();
  }
}

/** Runs the search, with one progress display for each stage. */
async function search(
  sets: readonly DescribedSet[],
  options: FindOptions,
  start: Hooks["progress"] = noProgress,
): Promise<Duplicates> {
  let stage = "";
  let progress: Progress | undefined;
  try {
    return await findDuplicates(sets, {
      ...options,
      onProgress: (name, done) => {
        if (name !== stage) {
          progress?.finish();
          stage = name;
          progress = start({ total: 1000, unit: name });
        }
        progress?.update(Math.floor(1000 * done));
      },
    });
  } finally {
    progress?.finish();
  }
}

async function writeLines(file: string, lines: readonly string[]): Promise<void> {
  makeFolder(dirname(file));
  await writeFile(file, lines.map((line) => `${line}\n`).join(""));
}

/** Writes the requested lists and report; returns one line for each. */
async function writeFiles(images: string, summary: Summary, options: DedupOptions): Promise<string[]> {
  const { exclude, leaked, report, against = [] } = options;
  const files: string[] = [];
  if (exclude !== undefined) {
    await writeLines(exclude, summary.leaveOut);
    files.push(`${exclude}: train with "${images}${images.includes("?") ? "&" : "?"}exclude=${exclude}"`);
  }
  if (leaked !== undefined) {
    await writeLines(
      leaked,
      summary.leaked.flatMap(({ ids }) => ids),
    );
    files.push(
      `${leaked}: test images that training has; fovea fewshot ... --leaked ${leaked} measures with and without them`,
    );
  }
  if (report !== undefined) {
    const page = await duplicatesPage(summary, {
      title: `Near-duplicates of ${images}`,
      command: `fovea dedup ${[images, ...(against.length > 0 ? ["--against", ...against] : [])].join(" ")}`,
    });
    makeFolder(dirname(report));
    await writeFile(report, page);
    files.push(`${report}: the images of every group`);
  }
  return files;
}

function describe(source: string, summary: Summary, files: readonly string[], seconds: number): Deduplication {
  const { sets, groups, pairs, compared, leaveOut, matchesTest, repeated, leaked } = summary;
  return {
    source,
    sets: sets.map(({ name, upstream, set }) => ({
      name,
      split: set.source.split,
      upstream,
      images: set.ids.length,
      remembered: set.remembered,
      broken: set.broken.map(({ id, reason }) => ({ id, reason })),
    })),
    pairs,
    compared,
    leaveOut,
    matchesTest,
    repeated,
    leaked,
    groups: groups.map(({ members, matches, leaks, conflict }) => ({
      members: members.map(({ set, id, className }) => ({ set: sets[set]?.name ?? "", id, className })),
      matches: matches.map(({ turn, ...match }) => ({ ...match, turn: turns[turn]?.name ?? "" })),
      leaks,
      classes: conflict,
    })),
    files,
    seconds,
  };
}

/**
 * Finds exact and near-duplicate images within the training split of a dataset, and between it and test sets.
 *
 * Throws the errors of opening the images or the backbone, an Error if an output file exists or is a folder, and an Error if no image can
 * be read.
 *
 * @example
 * const { leaveOut } = await dedup("upstream/", { against: ["cifar.tar"], exclude: "exclude.txt" });
 */
export async function dedup(images: string, options: DedupOptions = {}): Promise<Deduplication> {
  const started = performance.now();
  const {
    against = [],
    split,
    exclude,
    leaked,
    report,
    overwrite,
    backbone,
    cache = true,
    note,
    progress,
    signal,
  } = options;
  for (const file of [exclude, leaked, report]) {
    if (file === undefined) continue;
    if (existsSync(file) && statSync(file).isDirectory())
      throw new Error(`${file} is a folder; expected the path of a file`);
    refuseExisting(file, overwrite);
  }
  const roles = await openRoles(images, against, split);
  const described: DescribedSet[] = [];
  try {
    const sets: SetRole[] = [];
    for (const { source, name, upstream } of roles) {
      for (const text of source.notes ?? []) note?.(text);
      const set = await withProgress(progress, source.length, (onProgress) =>
        describeSet(source, { remember: cache, onProgress, signal }),
      );
      described.push(set);
      sets.push({ set, name, upstream });
      noteUnreadable(set.broken, note);
    }
    const readable = described.reduce((sum, set) => sum + set.readable.reduce((n, one) => n + one, 0), 0);
    if (readable === 0)
      throw new Error(`none of the images of ${roles.map(({ name }) => name).join(", ")} can be read`);
    const { distance, neighbours, crops, threshold, featureCosine, threads } = options;
    const features = backbone === undefined ? undefined : await networkFeatures(backbone, described, options);
    const find = { distance, neighbours, crops, threshold, featureCosine, threads, features, signal };
    const summary = summarise(sets, await search(described, find, progress));
    const files = await writeFiles(images, summary, options);
    return describe(images, summary, files, (performance.now() - started) / 1000);
  } finally {
    for (const set of described) await set.close();
    for (const { source } of roles) await source.close();
  }
}
