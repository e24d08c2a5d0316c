/** Reads one image, however a program holds it: a path, a URL, the bytes of a file, or pixels. */
import { fileURLToPath } from "node:url";
import { requirePath } from "../files/paths.js";
import { type EncodedImage, ExampleError, encodeFastPng, rawImage } from "../images/index.js";
import { readImageFile } from "./image-files.js";

/** Pixels, 0 to 255, row by row: RGBA, as an `ImageData` of a browser, RGB, or grey. */
export interface ImagePixels {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/** A path, a URL (`file:`, `http:`, `https:` or `data:`), the bytes of an image file (also a `Buffer`), an image of a dataset, or pixels. */
export type ImageInput = string | URL | Uint8Array | EncodedImage | ImagePixels;

/** An image with its name in messages. */
export interface ReadImage {
  readonly id: string;
  readonly image: EncodedImage;
}

const isAddress = (text: string): boolean => /^(https?|file|data):/i.test(text);

/**
 * Reads an image; decoding follows with preprocessing. Throws an Error for a path that does not exist (with the nearest existing folder), and
 * ExampleError for a file or an address that cannot be read and for pixels of another number than width * height.
 */
export async function readImage(input: ImageInput): Promise<ReadImage> {
  if (typeof input === "string") return isAddress(input) ? await fromAddress(new URL(input)) : await fromPath(input);
  if (input instanceof URL) return await fromAddress(input);
  if (input instanceof Uint8Array) return { id: "image", image: { kind: "encoded", bytes: input } };
  return { id: "image", image: "bytes" in input ? input : await fromPixels(input) };
}

async function fromPath(path: string): Promise<ReadImage> {
  requirePath(path);
  return { id: path, image: { kind: "encoded", bytes: await readImageFile(path) } };
}

async function fromAddress(address: URL): Promise<ReadImage> {
  if (address.protocol === "file:") return await fromPath(fileURLToPath(address));
  const id = address.protocol === "data:" ? "data URL" : address.href;
  let bytes: ArrayBuffer;
  try {
    const response = await fetch(address);
    if (!response.ok) throw new Error(`the server answered ${response.status} ${response.statusText}`.trimEnd());
    bytes = await response.arrayBuffer();
  } catch (error) {
    const { message, cause } = error as Error;
    throw new ExampleError(id, `cannot be read (${cause instanceof Error ? cause.message : message})`, error);
  }
  return { id, image: { kind: "encoded", bytes: new Uint8Array(bytes) } };
}

/** Pixels as a PNG file, so that they are resized and composited exactly as those of files are. */
async function fromPixels({ data, width, height }: ImagePixels): Promise<EncodedImage> {
  const channels = data.length / (width * height);
  if (channels !== 1 && channels !== 3 && channels !== 4) {
    throw new ExampleError(
      "image",
      `${data.length} values are not ${width} x ${height} pixels; expected 4 values a pixel (RGBA), 3 (RGB) or 1 (grey)`,
    );
  }
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.length);
  return { kind: "encoded", bytes: await encodeFastPng(rawImage(bytes, height, width, channels)) };
}
