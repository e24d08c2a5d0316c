/** Reads Parquet files in the layout of Hugging Face's image datasets: `image: {bytes, path}` and `label: int64`, in shards. */
import { statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { closable, closeOnError } from "../../files/closable.js";
import { entriesIfReadable, licenceFilesIn, listFiles, requirePath } from "../../files/paths.js";
import { ExampleError } from "../../images/index.js";
import { type ColumnChoice, type ImageCell, openShard, type Shard } from "../shards/parquet-shard.js";
import { mergeLabels, startsOf } from "../source/class-labels.js";
import { classNamesBeside } from "../source/class-names.js";
import { splitOrder } from "../source/layout.js";
import { checkIndex, type ImageSet, type ImageSource, type SourceKind } from "../source/types.js";

/** Size of the cache of image columns in bytes; it holds whole row groups and evicts the least recently used. */
const cacheBytes = 256 * 2 ** 20;

export const parquetKind: SourceKind = {
  summary: "a Parquet file or a folder of shards as Hugging Face lays them out (image: {bytes, path}, label)",
  options: ["image", "label", "classes"],
  recognises: (path) => (statSync(path).isFile() ? /\.parquet$/i.test(path) : holdsParquet(path)),
  read: ({ path, spec, options }) =>
    readParquet(path, spec, { image: options["image"], label: options["label"] }, options["classes"]?.split(",")),
};

async function readParquet(
  path: string,
  spec: string,
  columns: ColumnChoice,
  givenNames?: readonly string[],
): Promise<ImageSet> {
  requirePath(path);
  const isFile = statSync(path).isFile();
  const folder = isFile ? dirname(path) : path;
  const files = isFile ? [basename(path)] : (await listFiles(path)).files.filter((name) => /\.parquet$/i.test(name));
  if (files.length === 0) throw new Error(`there are no .parquet files in "${path}"; expected at least one`);
  const bySplit = new Map<string, string[]>();
  for (const file of files) bySplit.set(splitOf(file), [...(bySplit.get(splitOf(file)) ?? []), file]);
  return {
    splits: [...bySplit.keys()].sort(splitOrder),
    problems: [],
    licenceFiles: licenceFilesIn(folder),
    open: (split) =>
      openShards(
        path,
        spec,
        split,
        bySplit.get(split)!.map((file) => join(folder, file)),
        columns,
        givenNames ?? classNamesBeside(folder),
      ),
  };
}

/** Whether a folder has Parquet files in it or one or two levels below, as downloaded datasets do (`data/`, `default/train/`). */
function holdsParquet(folder: string, depth = 0): boolean {
  const entries = entriesIfReadable(folder);
  if (entries.some((entry) => /\.parquet$/i.test(entry.name))) return true;
  // Datasets have only a few such folders; a folder of classes can have thousands and is not searched.
  const folders = entries.filter((entry) => entry.isDirectory());
  return depth < 2 && folders.length <= 8 && folders.some((entry) => holdsParquet(join(folder, entry.name), depth + 1));
}

/** Split of a file: `train-00000-of-00003.parquet`, `train/0000.parquet`, `train.parquet`, else "all". */
function splitOf(file: string): string {
  const parts = file.split("/");
  const name = parts.at(-1)!;
  const sharded = /^(.+?)-\d+-of-\d+(-[0-9a-f]+)?\.parquet$/i.exec(name);
  if (sharded) return sharded[1]!;
  if (/^\d+\.parquet$/i.test(name) && parts.length > 1) return parts.at(-2)!;
  return /^(train|training|val|valid|validation|dev|test|testing|eval)(?![a-z])/i.exec(name)?.[1] ?? "all";
}

async function openShards(
  path: string,
  spec: string,
  split: string,
  files: readonly string[],
  columns: ColumnChoice,
  givenNames: readonly string[] | undefined,
): Promise<ImageSource> {
  const shards: Shard[] = [];
  return await closeOnError(shards, async () => {
    for (const file of files) shards.push(await openShard(file, columns));
    const { labels, classNames } = mergeLabels(
      shards.flatMap((shard) => shard.labels),
      givenNames ?? shards[0]?.classNames,
      (row) => `Row ${row} of "${path}"`,
    );
    const source = { name: path, length: labels.length };
    const starts = startsOf(shards.map(({ rows }) => rows));
    const find = (index: number): readonly [shard: number, row: number] => {
      const s = starts.findLastIndex((start) => start <= index);
      return [s, index - starts[s]!];
    };
    const groups = createGroupCache<readonly ImageCell[]>();
    let closed = false;
    return closable<ImageSource>({
      ...source,
      split,
      labels,
      classNames,
      recipe: { kind: "open", spec, split },
      idOf: (index) => {
        const [s, row] = find(index);
        return `${files[s]}#${row}`;
      },
      get: async (index) => {
        checkIndex(source, index);
        if (closed) throw new Error(`${path} is closed and cannot be read any more`);
        const [s, row] = find(index);
        const shard = shards[s]!;
        const g = shard.groupStarts.findLastIndex((start) => start <= row);
        const rows = await groups.get(`${s}/${g}`, shard.groupBytes[g]!, () => shard.readGroup(g));
        const { bytes } = rows[row - shard.groupStarts[g]!]!;
        const id = `${files[s]}#${row}`;
        if (!bytes) throw new ExampleError(id, "the row has no image bytes");
        return { id, label: labels[index]!, image: { kind: "encoded", bytes } };
      },
      close: async () => {
        closed = true;
        groups.clear();
        for (const shard of shards) await shard.close();
      },
    });
  });
}

interface GroupCache<T> {
  get(key: string, bytes: number, read: () => Promise<T>): Promise<T>;
  clear(): void;
}

/** Caches row groups up to `cacheBytes`, but at least one; concurrent readers of a group share one read. */
function createGroupCache<T>(): GroupCache<T> {
  const held = new Map<string, { bytes: number; value: Promise<T> }>();
  let total = 0;
  const drop = (key: string): void => {
    total -= held.get(key)?.bytes ?? 0;
    held.delete(key);
  };
  return {
    get: (key, bytes, read) => {
      const found = held.get(key);
      if (found) {
        // Move it to the end: a Map keeps the order of insertion, so the first key is the least recently used.
        held.delete(key);
        held.set(key, found);
        return found.value;
      }
      while (held.size > 0 && total + bytes > cacheBytes) drop(held.keys().next().value!);
      const value = read();
      held.set(key, { bytes, value });
      total += bytes;
      value.catch(() => drop(key));
      return value;
    },
    clear: () => {
      held.clear();
      total = 0;
    },
  };
}
