/** Decodes image files with sharp: every colour space, depth and orientation becomes upright 8-bit RGB or grey. */
import sharp, { type Sharp } from "sharp";
import {
  type AnyImage,
  type EncodedImage,
  ExampleError,
  type PixelImage,
  type RawImage,
  rawImage,
  toGrey,
  toRgb,
} from "./image.js";
import { crop, resizeArea, resizeBilinear } from "./resize.js";

// One thread for each image: the loader reads many images concurrently, which uses the cores better than splitting one image.
sharp.concurrency(1);
// Every image is read once in an epoch, so a cache of operations would only waste memory.
sharp.cache(false);

/** The largest image that `decodeResize` opens, in pixels: 20,000 x 20,000. It shrinks while reading, so memory stays small. */
export const maxPixels = 20_000 * 20_000;

/**
 * Maximum memory for decoding one image, in bytes. Formats that are read line by line shrink while reading. Interlaced and rotated images, and
 * all formats except PNG and JPEG, are held in memory completely, with two bytes for each channel if they have 16 bits.
 */
export const maxHeldBytes = 2 ** 30;
/** Images with fewer pixels are opened without checking the header: even with four 16-bit channels they take half of that. */
const alwaysDecoded = 2 ** 26;
/** The largest image that is decoded completely, in pixels: sharp's own limit. */
const maxWholePixels = 0x3fff ** 2;

/** How `decodeResize` fits an image into the given size: cover it and crop the centre, or stretch. */
export type Fit = "cover" | "fill";

/**
 * Decodes an image file to upright pixels with 3 channels (RGB) or 1 (grey), 8 bits each.
 *
 * JPEG, PNG, WebP, GIF, TIFF and AVIF are supported, whatever the file name is. Grey, palette, CMYK and 16-bit images become 8-bit RGB.
 * Transparent pixels are composited on white, the EXIF orientation is applied, and of an animation the first frame is used. Grey is the BT.601
 * luminance of the RGB pixels. Embedded colour profiles of RGB and grey images are ignored, as in Pillow and TensorFlow, with which published
 * networks were trained and evaluated.
 * A truncated or damaged file is an error (sharp's `failOn: "error"`); warnings, such as invalid metadata, are not.
 * Of raw images, only the channels are converted; with `channels` 0 these are unchanged too.
 *
 * @throws ExampleError with `id` if the bytes are not such an image, are truncated, have more than 268 million pixels, or would
 *   take more than {@link maxHeldBytes} of memory.
 */
export async function decodeImage(image: AnyImage, id: string, channels: 0 | 1 | 3 = 3): Promise<PixelImage> {
  if (image.kind !== "encoded") return withChannels(image, channels);
  return withChannels(await readPixels(id, image, maxWholePixels, (pipeline) => pipeline), channels);
}

/**
 * Decodes an image file and resizes it to height x width in one step, with sharp's antialiased triangle filter. Large JPEG files are shrunk
 * while they are decoded, which is several times faster than decoding them at full size.
 *
 * `cover` (the default) scales the smaller side and crops the centre; `fill` stretches. Unlike `decode|resize`, small details are averaged
 * rather than skipped, so pixels differ by a few levels: do not mix the two between training and use. Raw images are resized by area averaging
 * when they shrink, and interpolated when they grow.
 *
 * @throws ExampleError with `id` as {@link decodeImage} does; the limit is {@link maxPixels}.
 */
export async function decodeResize(
  image: AnyImage,
  id: string,
  height: number,
  width: number,
  fit: Fit = "cover",
  channels: 1 | 3 = 3,
): Promise<PixelImage> {
  if (image.kind !== "encoded") return resizePixels(withChannels(image, channels), height, width, fit);
  const pixels = await readPixels(id, image, maxPixels, (pipeline) =>
    pipeline.resize(width, height, { fit, kernel: "linear" }),
  );
  return withChannels(pixels, channels);
}

/** Reads an image file's header: size (before the EXIF orientation is applied), channels, format. */
export async function imageHeader(
  image: AnyImage,
  id: string,
): Promise<{ height: number; width: number; channels: number; format: string }> {
  if (image.kind !== "encoded")
    return { height: image.height, width: image.width, channels: image.channels, format: "raw" };
  try {
    requireKnownFormat(id, image.bytes);
    const { height, width, channels, format } = await sharp(image.bytes, { limitInputPixels: false }).metadata();
    return { height, width, channels, format };
  } catch (error) {
    throw decodeError(id, image, error);
  }
}

/**
 * Decodes an image file to upright 8-bit pixels of 4 channels: red, green, blue and opacity, 255 if the file has none.
 *
 * @throws ExampleError as {@link decodeImage} does.
 */
export function decodeWithAlpha(image: EncodedImage, id: string): Promise<RawImage> {
  return readPixels(id, image, maxWholePixels, (pipeline) => pipeline.ensureAlpha(), false);
}

/** Supported formats by their first bytes; libvips would also render SVG, which is a program rather than pixels. */
const signatures: readonly RegExp[] = [
  /^\xff\xd8\xff/, // JPEG
  /^\x89PNG\r\n/,
  /^GIF8[79]a/,
  /^RIFF[\s\S]{4}WEBP/,
  /^(II[*+]\0|MM\0[*+])/, // TIFF and BigTIFF
  /^[\s\S]{4}ftyp/, // AVIF, in HEIF's container
];

/** Throws ExampleError unless the bytes begin like a supported format. */
function requireKnownFormat(id: string, bytes: Uint8Array): void {
  if (bytes.length === 0) throw new ExampleError(id, "the file is empty");
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 16)).toString("latin1");
  if (!signatures.some((signature) => signature.test(start))) throw notRead(id, bytes);
}

const notRead = (id: string, bytes: Uint8Array, cause?: unknown): ExampleError =>
  new ExampleError(
    id,
    `not an image this program can read (${bytes.length} bytes); JPEG, PNG, WebP, GIF, TIFF and AVIF are`,
    cause,
  );

/** Reads pixels; `most` is the maximum number of pixels: `maxWholePixels` if all of them are returned. */
async function readPixels(
  id: string,
  image: EncodedImage,
  most: number,
  change: (pipeline: Sharp) => Sharp,
  onWhite = true,
): Promise<RawImage> {
  requireKnownFormat(id, image.bytes);
  const decode = async (limitInputPixels: number): Promise<RawImage> => {
    const read = sharp(image.bytes, { failOn: "error", autoOrient: true, limitInputPixels, ignoreIcc: true });
    const opened = onWhite ? read.flatten({ background: "#ffffff" }) : read;
    const { data, info } = await change(opened)
      .toColourspace("srgb")
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    return rawImage(new Uint8Array(data.buffer, data.byteOffset, data.length), info.height, info.width, info.channels);
  };
  try {
    return await decode(Math.min(most, alwaysDecoded));
  } catch (error) {
    if (!isPixelLimit(error) || most <= alwaysDecoded) throw decodeError(id, image, error);
  }
  await requireHeldBytes(id, image, most === maxWholePixels);
  try {
    return await decode(most);
  } catch (error) {
    throw decodeError(id, image, error);
  }
}

const isPixelLimit = (error: unknown): boolean => error instanceof Error && /pixel limit/i.test(error.message);

/** Throws ExampleError if decoding an image would take more than `maxHeldBytes`; with `whole`, all its pixels are returned. */
async function requireHeldBytes(id: string, image: EncodedImage, whole: boolean): Promise<void> {
  const found = await sharp(image.bytes, { limitInputPixels: false }).metadata();
  const { width, height, channels, depth, format, isProgressive = false, orientation = 1 } = found;
  const streams = (format === "png" || format === "jpeg") && !isProgressive && orientation === 1;
  const bytesOfChannel = depth === "uchar" ? 1 : depth === "ushort" || depth === "short" ? 2 : 4;
  const held = width * height * ((streams ? 0 : channels * bytesOfChannel) + (whole ? 3 : 0));
  if (held <= maxHeldBytes) return;
  const why = streams
    ? ""
    : `, ${isProgressive ? "interlaced" : orientation === 1 ? format.toUpperCase() : "rotated"} and so held whole`;
  const advice = whole
    ? "use decode_resize(size), or shrink the file"
    : "shrink the file, or save it without interlacing as PNG or JPEG";
  throw new ExampleError(
    id,
    `the image has too many pixels: ${width} x ${height}${why}, would take ${(held / 1e9).toFixed(1)} GB; ${advice}`,
  );
}

/**
 * Describes why an image cannot be decoded. "Unsupported format" and "pixel limit" are messages of sharp. Other messages come from a buffer
 * that libvips shares between threads, so they may belong to another image: they are shown, but no decision depends on them.
 */
function decodeError(id: string, { bytes }: EncodedImage, error: unknown): ExampleError {
  if (error instanceof ExampleError) return error;
  const text = (error instanceof Error ? error.message : String(error)).split("\n")[0]!.trim();
  if (/unsupported image format/i.test(text)) return notRead(id, bytes, error);
  if (/pixel limit/i.test(text)) {
    const advice = "use decode_resize(size), or shrink the file";
    return new ExampleError(id, `the image has too many pixels to decode whole; ${advice}`, error);
  }
  const detail = /unknown error/i.test(text) ? "" : `; ${text}`;
  return new ExampleError(id, `the image is truncated or damaged (${bytes.length} bytes${detail})`, error);
}

function withChannels(image: PixelImage, channels: 0 | 1 | 3): PixelImage {
  if (channels === 0) return image;
  return channels === 1 ? toGrey(image) : toRgb(image);
}

function resizePixels(image: PixelImage, height: number, width: number, fit: Fit): PixelImage {
  let scaledHeight = height;
  let scaledWidth = width;
  if (fit === "cover") {
    const factor = Math.max(height / image.height, width / image.width);
    scaledHeight = Math.max(height, Math.round(image.height * factor));
    scaledWidth = Math.max(width, Math.round(image.width * factor));
  }
  const shrinks = scaledHeight <= image.height && scaledWidth <= image.width;
  const scaled = shrinks
    ? resizeArea(image, scaledHeight, scaledWidth)
    : resizeBilinear(image, scaledHeight, scaledWidth);
  return crop(scaled, {
    top: Math.floor((scaledHeight - height) / 2),
    left: Math.floor((scaledWidth - width) / 2),
    height,
    width,
  });
}
