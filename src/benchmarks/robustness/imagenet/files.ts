/** Opens the image files of a test set as a source, with the order and labels that the set's reader determines. */
import { readFile } from "node:fs/promises";
import type { ImageSource } from "../../../data/index.js";
import { checkIndex } from "../../../data/source/index.js";
import { closable } from "../../../files/closable.js";
import { ExampleError, type RawImage } from "../../../images/index.js";

export interface SetFiles {
  readonly name: string;
  readonly classNames: readonly string[];
  readonly paths: readonly string[];
  readonly labels: Int32Array;
  /** A transformation of the decoded file, such as a crop; default: none. */
  readonly change?: (index: number, bytes: Uint8Array) => Promise<RawImage>;
}

export function fileSource({ name, classNames, paths, labels, change }: SetFiles): ImageSource {
  const self = { name, length: paths.length };
  return closable<ImageSource>({
    ...self,
    split: "test",
    classNames,
    labels,
    idOf: (index) => paths[index]!,
    get: async (index) => {
      checkIndex(self, index);
      const id = paths[index]!;
      try {
        const bytes = new Uint8Array(await readFile(id));
        const image = change ? await change(index, bytes) : ({ kind: "encoded", bytes } as const);
        return { id, label: labels[index]!, image };
      } catch (error) {
        if (error instanceof ExampleError) throw error;
        throw new ExampleError(id, `cannot be read (${error instanceof Error ? error.message : error})`, error);
      }
    },
    close: async () => {},
  });
}
