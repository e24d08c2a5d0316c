/** Standard input as images: the bytes of one, or paths, one a line. */

import type { Readable } from "node:stream";
import type { NamedImage } from "../data/index.js";
import { imageHeader } from "../images/index.js";

/** More than any photograph takes; what comes after is not read. */
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
  // every image format has a zero byte or bytes that are no UTF-8 near its beginning; no path has
  if (!/\0|\ufffd/.test(text.slice(0, 1000))) return lines;
  const image = { id: "standard input", bytes: new Uint8Array(bytes) };
  await imageHeader({ kind: "encoded", bytes: image.bytes }, image.id);
  return [image];
}
