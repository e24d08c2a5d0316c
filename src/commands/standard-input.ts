/** Reads images from standard input: the bytes of one image, or one path on each line. */

import type { Readable } from "node:stream";
import type { NamedImage } from "../data/index.js";
import { imageHeader } from "../images/index.js";

/** Maximum number of bytes; larger than any photograph. */
const maxBytes = 256 * 2 ** 20;

/** Reads a stream to its end. Throws when it holds nothing, or more than 256 MiB. */
export async function imagesFromStream(stream: Readable): Promise<(string | NamedImage)[]> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of stream) {
    parts.push(Buffer.from(part as Uint8Array));
    length += part.length;
    if (length > maxBytes) throw new Error("standard input holds more than 256 MiB; give the image as a file");
  }
  const bytes = Buffer.concat(parts);
  const text = bytes.toString("utf8");
  const lines = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "");
  if (lines.length === 0) throw new Error("standard input is empty; pipe an image or paths, one a line, into it");
  // image files have a zero byte or invalid UTF-8 near the start; paths have neither
  if (!/\0|\ufffd/.test(text.slice(0, 1000))) return lines;
  const image = { id: "standard input", bytes: new Uint8Array(bytes) };
  await imageHeader({ kind: "encoded", bytes: image.bytes }, image.id);
  return [image];
}
