/** Images without labels, from any mixture of files and folders, or from bytes in memory. */
import { statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { closable } from "../files/closable.js";
import { listFiles, requirePath } from "../files/paths.js";
import { ExampleError } from "../images/index.js";
import { append } from "../text/arrays.js";
import { checkIndex, type ImageSource } from "./source/types.js";

/** What one may look into in a folder of anything: the formats that sharp reads. */
const imageExtensions: readonly string[] = [".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".avif"];

/** An image that is already in memory, and how messages call it. */
export interface NamedImage {
  readonly id: string;
  readonly bytes: Uint8Array;
}

/**
 * The images at these paths as one source without classes: files as they are, whatever their names; of folders every file
 * below that is called like an image. Throws when a path does not exist or when there is no image at all.
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
      `there is no image in ${places.map((place) => (typeof place === "string" ? place : place.id)).join(", ")}; files of a folder count by their ending: ${imageExtensions.join(", ")}`,
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

async function bytesOf(image: string | NamedImage): Promise<Uint8Array> {
  if (typeof image !== "string") return image.bytes;
  try {
    return await readFile(image);
  } catch (error) {
    throw new ExampleError(image, `cannot be read (${(error as Error).message})`, error);
  }
}
