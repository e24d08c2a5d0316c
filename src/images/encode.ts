/** Encodes pixels as image files with sharp: for reports, for JPEG compression as a corruption, and for pixels that are read as files are. */
import sharp from "sharp";
import type { RawImage } from "./image.js";

/** Encodes 8-bit pixels (1 or 3 channels) as JPEG of a quality from 1 to 100. */
export async function encodeJpeg({ data, height, width, channels }: RawImage, quality: number): Promise<Uint8Array> {
  const encoded = await sharp(data, { raw: { height, width, channels: channels as 1 | 3 } })
    .jpeg({ quality })
    .toBuffer();
  return new Uint8Array(encoded.buffer, encoded.byteOffset, encoded.length);
}

/** Encodes 8-bit pixels (1, 3 or 4 channels) as an uncompressed PNG file, which is fast to write and to read. */
export async function encodeFastPng({ data, height, width, channels }: RawImage): Promise<Uint8Array> {
  const encoded = await sharp(data, { raw: { height, width, channels: channels as 1 | 3 | 4 } })
    .png({ compressionLevel: 0, adaptiveFiltering: false })
    .toBuffer();
  return new Uint8Array(encoded.buffer, encoded.byteOffset, encoded.length);
}

/** Draws an SVG document as a PNG file on white paper, at twice its size in CSS pixels. */
export async function svgToPng(svg: string): Promise<Uint8Array> {
  const encoded = await sharp(Buffer.from(svg), { density: 144 }).flatten({ background: "#ffffff" }).png().toBuffer();
  return new Uint8Array(encoded.buffer, encoded.byteOffset, encoded.length);
}
