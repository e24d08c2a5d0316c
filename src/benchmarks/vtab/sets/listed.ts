/** Opens datasets whose splits are published as lists of the files in one folder tree. */

import type { ImageSource } from "../../../data/index.js";
import type { EncodedImage, RawImage } from "../../../images/index.js";
import { SourceError } from "../protocol/task.js";
import type { StoredFiles } from "./places.js";
import { afterCalls, orderedSource, type StoredSet } from "./stored.js";

/** One line of a list. */
export interface ListedFile {
  /** The file's name in the folder tree. */
  readonly name: string;
  readonly label: number;
  /** TFDS's key; default: the name. */
  readonly key?: string;
}

/**
 * Opens the listed files as one source per split, in TFDS's order.
 *
 * @param decode decodes the bytes of a file; default: the bytes themselves
 * @throws SourceError for a list that is empty or names a missing file.
 */
export function listedSplits(
  files: StoredFiles,
  classNames: readonly string[],
  lists: ReadonlyMap<string, readonly ListedFile[]>,
  decode: (bytes: Uint8Array, id: string) => Promise<EncodedImage | RawImage> = async (bytes) => ({
    kind: "encoded",
    bytes,
  }),
): StoredSet {
  const close = afterCalls(lists.size, () => files.close());
  const splits = new Map<string, ImageSource>();
  for (const [split, list] of lists) {
    const missing = list.filter(({ name }) => !files.has(name));
    if (list.length === 0 || missing.length > 0) {
      throw new SourceError(
        list.length === 0
          ? `the list of the split ${split} names no image of "${files.path}"; fetch the list again`
          : `"${files.path}" lacks ${missing.length} of the ${list.length} images of the split ${split}, such as ${missing[0]!.name}; unpack the dataset again`,
      );
    }
    const idOf = (index: number): string => `${files.path}/${list[index]!.name}`;
    const source = orderedSource(files.path, split, classNames, {
      labels: list.map(({ label }) => label),
      keyOf: (index) => list[index]!.key ?? list[index]!.name,
      idOf,
      read: async (index) => decode(await files.read(list[index]!.name), idOf(index)),
      close,
    });
    splits.set(split, source);
  }
  return { found: `the published files in ${files.path}, in TFDS's order`, splits };
}

/** The lines of a small text file that are not empty. */
export function linesOf(bytes: Uint8Array): string[] {
  return Buffer.from(bytes)
    .toString("utf8")
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "");
}
