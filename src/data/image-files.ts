/** Opens images without labels from any mixture of files and folders, or from bytes in memory. */
import { statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { closable } from "../files/closable.js";
import { listFiles, requirePath } from "../files/paths.js";
import { ExampleError } from "../images/index.js";
import { append } from "../text/arrays.js";
import { checkIndex, type ImageSource } from "./source/types.js";

/** File name extensions of images in a folder: the formats that sharp decodes. */
const imageExtensions: readonly string[] = [".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".avif"];

/** An image in memory, and its name in messages. */
export interface NamedImage {
  readonly id: string;
  readonly bytes: Uint8Array;
}

/**
 * Opens images as one source without classes. A file is read whatever its name is; of a folder, all files below it with the extension of an
 * image are read. Throws if a path does not exist or if there are no images.
 *
 *     const source = await imageFiles(["photos/", "one.jpg"]);
 */
export async function imageFiles(places: readonly (string | NamedImage)[]): Promise<ImageSource> {
  const images: (string | NamedImage)[] = [];
  const notes: string[] = [];
  for (const place of places) {
    if (typeof place !== "string") {
      images.push(place);
      continue;
    }
    requirePath(place);
    if (!statSync(place).isDirectory()) {
      images.push(place);
      continue;
    }
    const { files, unreadable } = await listFiles(place);
    append(notes, unreadable);
    for (const file of files) {
      if (imageExtensions.includes(extname(file).toLowerCase())) images.push(join(place, file));
    }
  }
  if (images.length === 0) {
    throw new Error(
      `there are no images in ${places.map((place) => (typeof place === "string" ? place : place.id)).join(", ")}; expected files in a folder with one of the extensions ${imageExtensions.join(", ")}`,
    );
  }
  const name = images.length === 1 ? idOf(images[0]!) : `${images.length} images`;
  const source = { name, length: images.length };
  return closable<ImageSource>({
    ...source,
    split: "",
    classNames: [],
    notes: notes.length > 0 ? notes : undefined,
    labels: new Int32Array(images.length),
    idOf: (index) => idOf(images[index]!),
    get: async (index) => {
      checkIndex(source, index);
      const image = images[index]!;
      return { id: idOf(image), label: 0, image: { kind: "encoded", bytes: await bytesOf(image) } };
    },
    close: async () => {},
  });
}

const idOf = (image: string | NamedImage): string => (typeof image === "string" ? image : image.id);

const bytesOf = async (image: string | NamedImage): Promise<Uint8Array> =>
  typeof image === "string" ? await readImageFile(image) : image.bytes;

/** The bytes of an image file. Throws ExampleError if it cannot be read. */
export async function readImageFile(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new ExampleError(path, `cannot be read (${(error as Error).message})`, error);
  }
}
