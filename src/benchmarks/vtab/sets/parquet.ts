/** Opens datasets stored as Parquet files in Hugging Face's layout. Their row order differs from TFDS's order. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { ImageSource } from "../../../data/index.js";
import { parquetKind } from "../../../data/kinds/index.js";
import { mergeLabels } from "../../../data/source/index.js";
import { closeOnError } from "../../../files/closable.js";
import type { RawImage } from "../../../images/index.js";
import { SourceError } from "../protocol/task.js";
import type { StoredSet } from "./stored.js";
import { mapPixels } from "./tfds.js";

/** The columns of a dataset in Parquet files. */
export interface ParquetSet {
  /** The column of the label; default: the reader's defaults. */
  readonly label?: string;
  /** Maps a stored label to a class. */
  readonly classOf?: (value: number) => number;
  readonly pixels?: (image: RawImage) => RawImage;
}

/** Names of the splits that other publishers use. */
const synonyms: Readonly<Record<string, readonly string[]>> = {
  train: ["train", "training"],
  validation: ["validation", "valid", "val", "dev"],
  test: ["test", "testing"],
};

/**
 * Opens the dataset in the first of the places with Parquet files (in it or up to two folders below); otherwise
 * undefined.
 */
export async function findParquet(
  places: readonly string[],
  set: ParquetSet,
  needed: readonly string[],
  classNames: readonly string[],
): Promise<StoredSet | undefined> {
  const path = places.find((place) => parquetKind.recognises(place));
  if (path === undefined) return undefined;
  const stored = await parquetKind.read({
    spec: path,
    path,
    options: set.label === undefined ? {} : { label: set.label },
  });
  const splits = new Map<string, ImageSource>();
  await closeOnError(splits.values(), async () => {
    for (const split of needed) {
      const name = stored.splits.find((one) => (synonyms[split] ?? [split]).includes(one.toLowerCase()));
      if (name === undefined) {
        throw new SourceError(
          `the Parquet files in "${path}" have the splits ${stored.splits.join(", ")}; expected "${split}" too${
            existsSync(join(path, "data"))
              ? ""
              : " (splits are recognised by names such as test-00000-of-00001.parquet)"
          }`,
        );
      }
      splits.set(split, withClasses(await stored.open(name), path, set, classNames));
    }
  });
  return { found: `Parquet files in ${path}, in the order of their rows, which differs from TFDS's`, splits };
}

function withClasses(
  source: ImageSource,
  path: string,
  { classOf = (value) => value, pixels }: ParquetSet,
  classNames: readonly string[],
): ImageSource {
  const { labels } = mergeLabels(Array.from(source.labels, classOf), classNames, (row) => `Row ${row} of "${path}"`);
  const { recipe: _, ...rest } = source;
  const relabelled: ImageSource = {
    ...rest,
    // Publishers on the Hugging Face hub may list classes in another order; the stored names then match the labels.
    classNames: source.classNames.length === classNames.length ? source.classNames : classNames,
    labels,
    get: async (index) => ({ ...(await source.get(index)), label: labels[index]! }),
  };
  return pixels === undefined ? relabelled : mapPixels(relabelled, pixels);
}
