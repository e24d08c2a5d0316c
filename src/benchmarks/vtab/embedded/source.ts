/** Builds sources whose images are generated when they are read. */
import type { ImageSource } from "../../../data/index.js";
import { checkIndex } from "../../../data/source/index.js";
import { closable } from "../../../files/closable.js";
import type { RawImage } from "../../../images/index.js";
import { permutation } from "../../../random/keyed.js";

/** The description of a generated split. */
export interface GeneratedSplit {
  readonly name: string;
  readonly split: string;
  readonly classNames: readonly string[];
  /** The image number, in the whole dataset, of each example of the split. */
  readonly pictures: Int32Array;
  /** The class of an image, by its number in the whole dataset. */
  label(picture: number): number;
  draw(picture: number): RawImage;
}

/** A split whose labels are computed at first use and whose images are drawn one by one. */
export function generatedSource({ name, split, classNames, pictures, label, draw }: GeneratedSplit): ImageSource {
  const source = { name, length: pictures.length };
  let labels: Int32Array | undefined;
  const idOf = (index: number): string => `${name}#${pictures[index]}`;
  return closable<ImageSource>({
    ...source,
    split,
    classNames,
    get labels() {
      labels ??= pictures.map(label);
      return labels;
    },
    idOf,
    get: async (index) => {
      checkIndex(source, index);
      const picture = pictures[index]!;
      return { id: idOf(index), label: label(picture), image: draw(picture) };
    },
    close: async () => undefined,
  });
}

/**
 * Shuffles the numbers first .. first + count - 1 by `key`. Images that are numbered by their factors must be shuffled
 * before they are split.
 */
export function shuffledRange(first: number, count: number, key: string): Int32Array {
  return permutation(count, "embedded suite", key).map((i) => first + i);
}
