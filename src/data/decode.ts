/** Decoding of image files by sharp: every colour space, depth and orientation comes out as upright 8-bit RGB or grey. */
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

// One thread an image: the loader reads many images at once, which uses the cores better than splitting one image over them.
sharp.concurrency(1);
// Every image is read once an epoch, so caching operations would only hold memory.
sharp.cache(false);

/** The largest image that `decodeResize` opens, in pixels: 20,000 x 20,000. It shrinks while reading, so memory stays small. */
export const maxPixels = 20_000 * 20_000;

/** How `decodeResize` fits an image into the size asked for: cover it and cut the middle out, or stretch it. */
export type Fit = "cover" | "fill";

/**
 * Decodes an image file to upright pixels with 3 channels (RGB) or 1 (grey), 8 bits each.
 *
 * Grey, palette, CMYK and 16-bit images are converted to 8-bit sRGB; transparent pixels are laid on white; the EXIF
 * orientation is applied; of an animation the first frame is taken. Grey is the BT.601 luminance of the RGB pixels.
 * A truncated or damaged file is an error (sharp's `failOn: "error"`); mere warnings, such as odd metadata, are not.
 * Raw images only have their channels changed; `channels` 0 leaves a raw image's channels as they are.
 *
 * @throws ExampleError naming `id` if the bytes are not an image, are truncated, or hold more than 268 million pixels.
 */
export async function decodeImage(image: AnyImage, id: string, channels: 0 | 1 | 3 = 3): Promise<PixelImage> {
  if (image.kind !== "encoded") return withChannels(image, channels);
  return withChannels(await readPixels(id, image, true, (pipeline) => pipeline), channels);
}

/**
 * Decodes and resizes an image file to height x width in one go, by sharp's antialiased triangle filter; large JPEG files
 * are shrunk while they are decoded, which is several times faster than decoding them whole.
 *
 * `cover` (the default) scales the smaller side and cuts the middle out; `fill` stretches. Unlike `decode|resize`, small
 * detail is averaged rather than skipped, so pixels differ by a few levels: do not mix the two between training and use.
 * Raw images are averaged over areas when they shrink and interpolated when they grow.
 *
 * @throws ExampleError naming `id` as {@link decodeImage} does; the limit is {@link maxPixels}.
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

/** What an image file's header says: size (before the EXIF orientation is applied), channels, format. */
export async function imageHeader(
  image: AnyImage,
  id: string,
): Promise<{ height: number; width: number; channels: number; format: string }> {
  if (image.kind !== "encoded")
    return { height: image.height, width: image.width, channels: image.channels, format: "raw" };
  try {
    const { height, width, channels, format } = await sharp(image.bytes, { limitInputPixels: false }).metadata();
    return { height, width, channels, format };
  } catch (error) {
    throw decodeError(id, image, error);
  }
}

/**
 * Decodes an image file to upright 8-bit pixels of 4 channels: red, green, blue and opacity, 255 where the file has none.
 *
 * @throws ExampleError as {@link decodeImage} does.
 */
export function decodeWithAlpha(image: EncodedImage, id: string): Promise<RawImage> {
  return readPixels(id, image, true, (pipeline) => pipeline.ensureAlpha(), false);
}

async function readPixels(
  id: string,
  image: EncodedImage,
  limitInputPixels: number | true,
  change: (pipeline: Sharp) => Sharp,
  onWhite = true,
): Promise<RawImage> {
  try {
    const read = sharp(image.bytes, { failOn: "error", autoOrient: true, limitInputPixels });
    const opened = onWhite ? read.flatten({ background: "#ffffff" }) : read;
    const { data, info } = await change(opened)
      .toColourspace("srgb")
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    return rawImage(new Uint8Array(data.buffer, data.byteOffset, data.length), info.height, info.width, info.channels);
  } catch (error) {
    throw decodeError(id, image, error);
  }
}

/**
 * Says what is wrong with an image. "Unsupported format" and "pixel limit" are sharp's own words; other messages come from a
 * buffer that libvips shares between threads, so a neighbour's may stand there or none: they are shown, but decide nothing.
 */
function decodeError(id: string, { bytes }: EncodedImage, error: unknown): ExampleError {
  if (bytes.length === 0) return new ExampleError(id, "the file is empty", error);
  const text = (error instanceof Error ? error.message : String(error)).split("\n")[0]!.trim();
  if (/unsupported image format/i.test(text)) {
    return new ExampleError(id, `not an image this program can read (${bytes.length} bytes)`, error);
  }
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
