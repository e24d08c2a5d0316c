/** Sources whose images are generated at access. */
import type { ImageSource } from "../../../data/index.js";
import { checkIndex } from "../../../data/source/index.js";
import { closable } from "../../../files/closable.js";
import type { RawImage } from "../../../images/index.js";
import { permutation } from "../../../random/keyed.js";

/** What a generated split is made of. */
export interface GeneratedSplit {
  readonly name: string;
  readonly split: string;
  readonly classNames: readonly string[];
  /** Which picture of the whole set each example is, in the order of the split. */
  readonly pictures: Int32Array;
  /** The class of a picture, by its number in the whole set. */
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

/** The numbers first .. first + count - 1 in an order drawn by `key`: sets that are made in order of their factors must not be cut in it. */
export function shuffledRange(first: number, count: number, key: string): Int32Array {
  return permutation(count, "embedded suite", key).map((i) => first + i);
}
