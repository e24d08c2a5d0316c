/** Opens datasets that TensorFlow Datasets has prepared: TFRecords in a folder name/[config/]version. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { type ImageSource, select } from "../../../data/index.js";
import { featureNames, firstBytes, openRecords, openSharded } from "../../../data/shards/index.js";
import { mergeLabels } from "../../../data/source/index.js";
import { naturalOrder } from "../../../files/paths.js";
import { type Feature, parseExample } from "../../../formats/tf-example.js";
import { decodeImage, ExampleError, type RawImage } from "../../../images/index.js";
import { SourceError } from "../protocol/task.js";
import { tfdsOrder } from "../protocol/tfds-order.js";
import type { StoredSet } from "./stored.js";

/** How TFDS stores a dataset. */
export interface TfdsSet {
  /** The dataset's name: its folder, and the prefix of its file names. */
  readonly name: string;
  readonly config?: string;
  /** The version that VTAB pins, or its prefix: "3.". */
  readonly version: string;
  readonly label: FeatureLabel;
  /**
   * The feature that TFDS orders records by, for datasets that are also published as records in another order. Sorting
   * the records that TFDS has prepared by it changes nothing.
   */
  readonly key?: string;
  /** A function that is applied to every decoded image. */
  readonly pixels?: (image: RawImage) => RawImage;
}

/** A label that is stored or derived from other features. */
export interface FeatureLabel {
  /** Identifies `of` in the cached indexes of files: change it when `of` returns other labels. */
  readonly name: string;
  readonly features: readonly string[];
  /** Returns the class. Throws an error that describes what is wrong with the features. */
  of(features: ReadonlyMap<string, Feature>): number;
}

/** The numbers of a feature; empty for an empty list. Throws when the feature is missing. */
export function numbersOf(features: ReadonlyMap<string, Feature>, name: string): ArrayLike<number> {
  const values = features.get(name);
  if (values === undefined) throw new Error(`has no feature "${name}"`);
  if (values[0] instanceof Uint8Array) throw new Error(`has no numbers in the feature "${name}"`);
  return values as ArrayLike<number>;
}

/** A label from a feature with one integer; `of` maps it to a class (default: unchanged). */
export function plainLabel(feature = "label", of: (value: number) => number = (value) => value): FeatureLabel {
  return {
    name: feature,
    features: [feature],
    of: (features) => {
      const values = numbersOf(features, feature);
      if (values.length !== 1)
        throw new Error(`has ${values.length} numbers in the feature "${feature}"; expected one`);
      return of(values[0]!);
    },
  };
}

/** The folder of a version and the files of each split in it. */
interface Prepared {
  readonly folder: string;
  readonly splits: ReadonlyMap<string, readonly string[]>;
}

/** How deep below a place a version may lie: name/config/version. */
const maxDepth = 3;

/** Opens the dataset in one of the places, if it exists there: the version that VTAB pins, otherwise the newest. */
export async function findTfds(
  places: readonly string[],
  set: TfdsSet,
  needed: readonly string[],
  classNames: readonly string[],
): Promise<StoredSet | undefined> {
  const prepared = places.flatMap((place) => versionsIn(place, set, 0));
  if (prepared.length === 0) return undefined;
  const versionOf = ({ folder }: Prepared): string => /([^/\\]+)[/\\]?$/.exec(folder)?.[1] ?? "";
  const newestFirst = [...prepared].sort((a, b) => naturalOrder(versionOf(b), versionOf(a)));
  const chosen = newestFirst.find((one) => versionOf(one).startsWith(set.version)) ?? newestFirst[0]!;
  const other = versionOf(chosen).startsWith(set.version) ? "" : ` (VTAB pins the version ${set.version})`;
  const splits = new Map<string, ImageSource>();
  for (const split of needed) splits.set(split, await openSplit(chosen, set, split, classNames));
  return { found: `TFDS's records in ${chosen.folder}${other}, in their order`, splits };
}

function versionsIn(folder: string, set: TfdsSet, depth: number): Prepared[] {
  const form = new RegExp(`^${set.name}-(\\w+)\\.tfrecords?(?:-(\\d+)-of-(\\d+))?$`);
  const splits = new Map<string, string[]>();
  const entries = readdirSync(folder, { withFileTypes: true });
  for (const name of entries.map((entry) => entry.name).sort(naturalOrder)) {
    const split = form.exec(name)?.[1];
    if (split !== undefined) splits.set(split, [...(splits.get(split) ?? []), join(folder, name)]);
  }
  if (splits.size > 0) return [{ folder, splits }];
  // Only enters folders with names that TFDS uses; a dataset may have thousands of other folders.
  const next = entries
    .filter(({ name }) => name === set.name || name === set.config || /^\d+\.\d+\.\d+$/.test(name))
    .map(({ name }) => join(folder, name))
    .filter((path) => existsSync(path) && statSync(path).isDirectory());
  return depth === maxDepth ? [] : next.flatMap((path) => versionsIn(path, set, depth + 1));
}

/** The files of a split. Throws when some are missing: their names contain the total number. */
function wholeSplit({ folder, splits }: Prepared, split: string): readonly string[] {
  const files = splits.get(split);
  if (!files)
    throw new SourceError(`"${folder}" has no records of the split ${split}; prepare the dataset again with TFDS`);
  const total = Number(/-of-(\d+)$/.exec(files[0]!)?.[1] ?? files.length);
  if (files.length !== total) {
    throw new SourceError(
      `"${folder}" has ${files.length} of ${total} files of the split ${split}; copy the others there too`,
    );
  }
  return files;
}

async function openSplit(
  prepared: Prepared,
  { label, key, pixels }: TfdsSet,
  split: string,
  classNames: readonly string[],
): Promise<ImageSource> {
  const shards = [];
  for (const path of wholeSplit(prepared, split)) {
    const shard = await openRecords(path, {
      name: `vtab ${label.name}`,
      features: ["image", ...label.features, ...(key === undefined ? [] : [key])],
      entryOf: (features, record) => {
        try {
          if (firstBytes(features, ["image"]) === undefined) throw new Error(`has no feature "image"`);
          return { label: label.of(features), key: key === undefined ? undefined : textOf(features, key) };
        } catch (error) {
          throw new Error(`${(error as Error).message}; it has ${featureNames(record)}`, { cause: error });
        }
      },
    });
    shards.push(shard);
  }
  const { labels } = mergeLabels(
    shards.flatMap(({ index }) => index.labels),
    classNames,
    (index) => `record ${index} of the split ${split} in "${prepared.folder}"`,
  );
  const { recipe: _, ...stored } = openSharded({
    name: prepared.folder,
    spec: prepared.folder,
    split,
    shards,
    labels,
    classNames,
    notes: [],
    shuffleShards: 0,
    imageOf: (record) => firstBytes(parseExample(record, ["image"]), ["image"])!,
  });
  const keys = shards.flatMap(({ index }) => index.keys ?? []);
  const source =
    keys.length === 0 ? stored : select(stored, [...tfdsOrder(split, keys.length, (i) => keys[i]!)], stored.name);
  return pixels === undefined ? source : mapPixels(source, pixels);
}

function textOf(features: ReadonlyMap<string, Feature>, name: string): string {
  const bytes = firstBytes(features, [name]);
  if (bytes === undefined) throw new Error(`has no feature "${name}"`);
  return Buffer.from(bytes).toString("utf8");
}

/** A source whose images are decoded and passed through `pixels`. */
export function mapPixels(source: ImageSource, pixels: (image: RawImage) => RawImage): ImageSource {
  const { recipe: _, ...rest } = source;
  return {
    ...rest,
    get: async (index) => {
      const example = await source.get(index);
      const image = await decodeImage(example.image, example.id, 0);
      if (image.kind !== "raw") throw new ExampleError(example.id, "its pixels are not 8-bit");
      return { ...example, image: pixels(image) };
    },
  };
}
