/** Reads WebDataset: tar shards of samples, local or at http(s) addresses; the files of a sample have the same base name. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { entriesIfReadable, licenceFilesIn, naturalOrder, requirePath } from "../../files/paths.js";
import { isRemote, type RetryPolicy } from "../../files/remote.js";
import { bySplit, expandBraces, splitInName } from "../shards/shard-names.js";
import { openSharded } from "../shards/sharded.js";
import { openWebDatasetShard } from "../shards/webdataset-shard.js";
import { mergeLabels } from "../source/class-labels.js";
import { classNamesBeside } from "../source/class-names.js";
import { splitOrder } from "../source/layout.js";
import type { ImageSet, SourceKind } from "../source/types.js";

/** `name-000012.tar`: a folder of such files is read as shards; other archives are image folders. */
const shardName = /\d+\.tar$/i;

export const webdatasetKind: SourceKind = {
  summary: "WebDataset shards, name-{000000..000012}.tar or a folder of them, local or http(s)",
  options: ["label", "classes", "shuffleShards", "download", "timeout"],
  recognises: (path) =>
    statSync(path).isDirectory() && entriesIfReadable(path).some(({ name }) => shardName.test(name)),
  read: async ({ path, spec, options }) => readWebDataset(path, spec, options),
};

/** Number of shards whose index is requested or built concurrently. */
const openedAtOnce = 4;

async function readWebDataset(
  path: string,
  spec: string,
  options: Readonly<Record<string, string>>,
): Promise<ImageSet> {
  const number = (name: string, fallback: number, least: number): number => {
    const value = Number(options[name] ?? fallback);
    if (Number.isFinite(value) && value >= least) return value;
    throw new Error(`"${spec}": invalid ${name} "${options[name]}"; expected a number of at least ${least}`);
  };
  const shuffleShards = number("shuffleShards", 4, 0);
  if (!Number.isInteger(shuffleShards))
    throw new Error(`"${spec}": invalid shuffleShards "${options["shuffleShards"]}"; expected an integer`);
  const retries: RetryPolicy = { timeoutSeconds: number("timeout", 30, 0.01), attempts: 4 };
  const isFolder = !isRemote(path) && existsSync(path) && statSync(path).isDirectory();
  const files = isFolder
    ? readdirSync(path)
        .filter((name) => /\.tar$/i.test(name))
        .sort(naturalOrder)
        .map((name) => join(path, name))
    : expandBraces(path);
  if (files.length === 0) throw new Error(`there are no .tar files in "${path}"; expected at least one`);
  for (const file of files) if (!isRemote(file)) requirePath(file);
  const folder = isFolder ? path : isRemote(files[0]!) ? undefined : dirname(files[0]!);
  const splits = bySplit(files, (file) => splitInName(basename(file)) ?? "all");
  return {
    splits: [...splits.keys()].sort(splitOrder),
    problems: [],
    licenceFiles: folder === undefined ? [] : licenceFilesIn(folder),
    open: async (split) => {
      const names = splits.get(split)!;
      const shards = await inTurn(names, openedAtOnce, (name) =>
        openWebDatasetShard(name, {
          label: options["label"],
          download: options["download"] === "true",
          retries,
        }),
      );
      const places = shards.flatMap(({ file, index }) => (index.keys ?? []).map((key) => `${file.name}:${key}`));
      const listed = options["classes"]?.split(",") ?? (folder === undefined ? undefined : classNamesBeside(folder));
      const values = shards.flatMap(({ index }) => index.labels);
      if (values.length === 0)
        throw new Error(`the shards of "${path}" have no labelled images; expected at least one`);
      return openSharded({
        name: path,
        spec,
        split,
        shards,
        ...mergeLabels(values, listed, (i) => `The sample ${places[i]}`),
        notes: shards.flatMap(({ file, index }) => index.notes.map((note) => `${file.name}: ${note}`)),
        shuffleShards,
        imageOf: (bytes) => bytes,
      });
    },
  };
}

/** Runs a job for every item, at most `atOnce` concurrently; returns results in the order of the items and throws the first failure. */
export async function inTurn<T, R>(items: readonly T[], atOnce: number, job: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  let failed = false;
  const lane = async (): Promise<void> => {
    while (next < items.length && !failed) {
      const i = next++;
      try {
        results[i] = await job(items[i]!);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, lane));
  return results;
}
