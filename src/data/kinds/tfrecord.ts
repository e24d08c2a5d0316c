/** Reads TFRecord files of tf.train.Example, as written by TensorFlow Datasets and the ImageNet scripts. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import * as z from "zod";
import { entriesIfReadable, licenceFilesIn, naturalOrder, requirePath } from "../../files/paths.js";
import { parseExample } from "../../formats/tf-example.js";
import { bySplit, expandBraces, splitInName } from "../shards/shard-names.js";
import { openSharded } from "../shards/sharded.js";
import { firstBytes, imageFeatures, labelFeatures, openRecordFile } from "../shards/tfrecord-file.js";
import { maxClasses, mergeLabels } from "../source/class-labels.js";
import { classNamesBeside } from "../source/class-names.js";
import { splitOrder } from "../source/layout.js";
import type { ImageSet, SourceKind } from "../source/types.js";

/** `x.tfrecord`, `cifar10-train.tfrecord-00000-of-00001`, `train-00000-of-01024`. */
const recordName = /\.tfrecords?(-\d+-of-\d+)?$|^[^.]*-\d+-of-\d+$/i;

export const tfrecordKind: SourceKind = {
  summary:
    "TFRecord files of tf.train.Example (image/encoded or image, image/class/label or label), or a folder of them",
  options: ["image", "label", "classes", "shuffleShards"],
  recognises: (path) =>
    statSync(path).isDirectory()
      ? entriesIfReadable(path).some(({ name }) => recordName.test(name))
      : recordName.test(basename(path)),
  read: async ({ path, spec, options }) => readTfrecord(path, spec, options),
};

async function readTfrecord(path: string, spec: string, options: Readonly<Record<string, string>>): Promise<ImageSet> {
  const shuffleShards = Number(options["shuffleShards"] ?? 0);
  if (!(Number.isInteger(shuffleShards) && shuffleShards >= 0))
    throw new Error(
      `"${spec}": invalid shuffleShards "${options["shuffleShards"]}"; expected an integer of at least 0`,
    );
  const named = expandBraces(path);
  for (const file of named) requirePath(file);
  const isFolder = named.length === 1 && statSync(path).isDirectory();
  const files = isFolder
    ? readdirSync(path)
        .filter((name) => recordName.test(name))
        .sort(naturalOrder)
        .map((name) => join(path, name))
    : named;
  if (files.length === 0)
    throw new Error(
      `there are no TFRecord files in "${path}"; expected names such as set-train.tfrecord-00000-of-00010`,
    );
  const folder = dirname(files[0]!);
  const splits = bySplit(files, splitOf);
  return {
    splits: [...splits.keys()].sort(splitOrder),
    problems: [...splits].flatMap(([split, names]) => missingShards(split, names)),
    licenceFiles: licenceFilesIn(folder),
    open: async (split) => {
      const chosen = {
        image: options["image"] === undefined ? imageFeatures : [options["image"]],
        label: options["label"] === undefined ? labelFeatures : [options["label"]],
      };
      const shards = [];
      for (const file of splits.get(split)!) shards.push(await openRecordFile(file, chosen));
      const values = shards.flatMap(({ index }) => index.labels);
      const places = shards.flatMap(({ file, index }) => index.labels.map((_, row) => [file.name, row] as const));
      const listed =
        options["classes"]?.split(",") ?? namesBeside(folder, options["label"]) ?? classNamesBeside(folder);
      return openSharded({
        name: path,
        spec,
        split,
        shards,
        ...mergeLabels(values, listed, (i) => `Record ${places[i]![1]} of "${places[i]![0]}"`),
        notes: [],
        shuffleShards,
        imageOf: (record) => firstBytes(parseExample(record, chosen.image), chosen.image)!,
      });
    },
  };
}

/** Split of a file: that of TFDS's `dataset-split.tfrecord-...`, a common name of a split, or the text before the shard's number. */
function splitOf(file: string): string {
  const name = basename(file);
  return (
    /^.*-([A-Za-z0-9_]+)\.tfrecords?-\d+-of-\d+$/i.exec(name)?.[1] ??
    splitInName(name) ??
    /^(.+?)(?:\.tfrecords?)?-\d+-of-\d+$/i.exec(name)?.[1] ??
    "all"
  );
}

/** Reports incomplete splits, according to the shard numbers in the file names. */
function missingShards(split: string, files: readonly string[]): string[] {
  const numbers = files.flatMap((file) => {
    const match = /-(\d+)-of-(\d+)$/.exec(file);
    return match ? [[Number(match[1]), Number(match[2])] as const] : [];
  });
  const total = numbers[0]?.[1] ?? 0;
  const there = new Set(numbers.map(([number]) => number));
  const lost = total - there.size;
  return lost > 0 ? [`${split}: ${lost} of ${total} files are missing`] : [];
}

const featuresSchema = z.object({
  featuresDict: z.object({
    features: z.record(
      z.string(),
      z.looseObject({
        classLabel: z.looseObject({ numClasses: z.coerce.number().int().min(1).max(10_000_000) }).optional(),
      }),
    ),
  }),
});

/** Class names that TFDS writes beside its files: `label.labels.txt`, one on each line; else as many numbers as in `features.json`. */
function namesBeside(folder: string, label: string | undefined): readonly string[] | undefined {
  const read = (name: string): string | undefined => {
    try {
      return readFileSync(join(folder, name), "utf8");
    } catch {
      return undefined;
    }
  };
  for (const feature of label === undefined ? ["label", "image.class.label"] : [label.replaceAll("/", ".")]) {
    const text = read(`${feature}.labels.txt`);
    if (text !== undefined) return text.trimEnd().split(/\r?\n/);
  }
  const text = read("features.json");
  if (text === undefined) return undefined;
  try {
    const { features } = featuresSchema.parse(JSON.parse(text)).featuresDict;
    const count = features[label ?? "label"]?.classLabel?.numClasses;
    // A damaged count must not create a list of billions of names.
    return count === undefined || !(count <= maxClasses)
      ? undefined
      : Array.from({ length: count }, (_, i) => String(i));
  } catch {
    return undefined;
  }
}
