/** Defines the three forms of an image between file and batch, and errors for images that cannot be used. */

/** An image file's bytes, not yet decoded. */
export interface EncodedImage {
  readonly kind: "encoded";
  readonly bytes: Uint8Array;
}

/** Decoded pixels, 0 to 255, interleaved in row-major order: `data` has height * width * channels values. */
export interface RawImage {
  readonly kind: "raw";
  readonly data: Uint8Array;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** Pixels as floating-point numbers, laid out as in {@link RawImage}. */
export interface FloatImage {
  readonly kind: "float";
  readonly data: Float32Array;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** An image with pixels. */
export type PixelImage = RawImage | FloatImage;

/** Any form of image. */
export type AnyImage = EncodedImage | PixelImage;

/** An error of one example: its file is missing, damaged, or does not fit the preprocessing. */
export class ExampleError extends Error {
  override readonly name = "ExampleError";
  /** The file or record with the error. */
  readonly id: string;
  /** The error without the id. */
  readonly reason: string;

  constructor(id: string, reason: string, cause?: unknown) {
    super(`${id}: ${reason}`, cause === undefined ? undefined : { cause });
    this.id = id;
    this.reason = reason;
  }
}

/** Creates a raw image; throws if the data does not have height * width * channels values. */
export function rawImage(data: Uint8Array, height: number, width: number, channels: number): RawImage {
  if (data.length !== height * width * channels) {
    throw new Error(
      `a ${height}x${width}x${channels} image needs ${height * width * channels} values; got ${data.length}`,
    );
  }
  return { kind: "raw", data, height, width, channels };
}

/** Creates an empty image of the same kind as `like`. */
export function blankLike<T extends PixelImage>(like: T, height: number, width: number, channels = like.channels): T {
  const size = height * width * channels;
  const data = like.kind === "raw" ? new Uint8Array(size) : new Float32Array(size);
  return { kind: like.kind, data, height, width, channels } as T;
}

/** Converts to three channels: one channel is repeated, the fourth of four is dropped, three are unchanged. */
export function toRgb<T extends PixelImage>(image: T): T {
  if (image.channels === 3) return image;
  if (image.channels !== 1 && image.channels !== 4)
    throw new Error(`cannot convert ${image.channels} channels to RGB; expected 1, 3 or 4`);
  const out = blankLike(image, image.height, image.width, 3);
  const stride = image.channels;
  const green = stride === 1 ? 0 : 1;
  const blue = stride === 1 ? 0 : 2;
  for (let i = 0, from = 0; i < out.data.length; i += 3, from += stride) {
    out.data[i] = image.data[from]!;
    out.data[i + 1] = image.data[from + green]!;
    out.data[i + 2] = image.data[from + blue]!;
  }
  return out;
}

/** Luminance of an RGB image as one channel: 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601, like JPEG's Y), rounded for raw images. */
export function toGrey<T extends PixelImage>(image: T): T {
  if (image.channels === 1) return image;
  if (image.channels !== 3 && image.channels !== 4)
    throw new Error(`cannot convert ${image.channels} channels to grey; expected 1, 3 or 4`);
  const out = blankLike(image, image.height, image.width, 1);
  const half = image.kind === "raw" ? 0.5 : 0;
  for (let i = 0, from = 0; i < out.data.length; i++, from += image.channels) {
    out.data[i] = 0.299 * image.data[from]! + 0.587 * image.data[from + 1]! + 0.114 * image.data[from + 2]! + half;
  }
  return out;
}
