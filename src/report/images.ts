/** Converts images to data URIs: from encoded bytes, from raw pixels, or from a model's input floats. */

import { encodePng, type PngPixels } from "../formats/png.js";

/** An image of a report: a data URI and its alternative text. */
export interface Picture {
  /** A `data:` URI; other addresses are not allowed, because reports are self-contained. */
  source: string;
  alt: string;
}

const formats: { mime: string; matches: (bytes: Uint8Array) => boolean }[] = [
  { mime: "image/png", matches: (b) => starts(b, 0, "\x89PNG") },
  { mime: "image/jpeg", matches: (b) => starts(b, 0, "\xff\xd8\xff") },
  { mime: "image/gif", matches: (b) => starts(b, 0, "GIF8") },
  { mime: "image/webp", matches: (b) => starts(b, 0, "RIFF") && starts(b, 8, "WEBP") },
  { mime: "image/avif", matches: (b) => starts(b, 4, "ftypavif") },
];

function starts(bytes: Uint8Array, offset: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[offset + i] !== text.charCodeAt(i)) return false;
  return true;
}

/** Data URI of an encoded PNG, JPEG, GIF, WebP or AVIF file, recognised by its first bytes. Throws for other formats. */
export function encodedUri(bytes: Uint8Array): string {
  const format = formats.find(({ matches }) => matches(bytes));
  if (!format) {
    const start = Buffer.from(bytes.subarray(0, 8)).toString("hex") || "nothing";
    throw new Error(
      `picture: bytes starting ${start} are no PNG, JPEG, GIF, WebP or AVIF; pass raw pixels to pixelUri instead`,
    );
  }
  return `data:${format.mime};base64,${Buffer.from(bytes).toString("base64")}`;
}

/** Data URI (PNG) of 8-bit pixels. Throws if their number does not match the size. */
export function pixelUri(image: PngPixels): string {
  return encodedUri(encodePng(image));
}

/**
 * Data URI (PNG) of a model's input image: row-major floats with interleaved channels, `range` mapped to black … white.
 * `shape` is [height, width, channels] with 1, 3 or 4 channels; values outside the range are clipped. Throws if the sizes do not match.
 */
export function floatUri(
  data: ArrayLike<number>,
  shape: readonly [number, number, number],
  range: readonly [number, number] = [-1, 1],
): string {
  const [height, width, channels] = shape;
  if (channels !== 1 && channels !== 3 && channels !== 4) {
    throw new Error(`picture: ${channels} channels cannot be shown; give 1, 3 or 4`);
  }
  const [low, high] = range;
  const pixels = Uint8ClampedArray.from({ length: data.length }, (_, i) => (255 * (data[i]! - low)) / (high - low));
  return pixelUri({ data: pixels, width, height, channels });
}

/** Returns the source of an image; throws if it would have to be loaded from elsewhere. */
export function requireEmbedded({ source, alt }: Picture): string {
  if (!source.startsWith("data:image/")) {
    throw new Error(
      `picture "${alt}": source ${source.slice(0, 60)} is no data URI; embed it with encodedUri or pixelUri`,
    );
  }
  return source;
}
