/**
 * RandAugment's ops on pixel values (papers.md 5.7). Functions of one value are tables of 256 results for each channel. Arithmetic is float32
 * where the reference uses float32, and results are truncated (not rounded) where it casts to uint8.
 */
import { blankLike, type RawImage } from "../image.js";

const round = Math.fround;

/** Applies one table of 256 values, or one for each channel. */
export function applyTables(image: RawImage, tables: readonly Uint8Array[]): RawImage {
  const out = blankLike(image, image.height, image.width);
  const { channels, data } = image;
  const to = out.data;
  if (tables.length === 1) {
    const table = tables[0]!;
    for (let i = 0; i < data.length; i++) to[i] = table[data[i]!]!;
  } else {
    for (let c = 0; c < channels; c++) {
      const table = tables[c]!;
      for (let i = c; i < data.length; i += channels) to[i] = table[data[i]!]!;
    }
  }
  return out;
}

function tableOf(f: (x: number) => number): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, x) => f(x));
}

const clip = (x: number): number => Math.min(255, Math.max(0, x));

/** blend(degenerate, image, factor): factor 0 gives the degenerate image, 1 the image; larger factors extrapolate and are clipped. */
const blended = (degenerate: number, x: number, factor: number): number =>
  Math.trunc(clip(round(degenerate + round(factor * (x - degenerate)))));

export const invert = (image: RawImage): RawImage => applyTables(image, [tableOf((x) => 255 - x)]);

/**
 * Keeps the upper `bits`. For 0 the reference shifts 8-bit numbers by 8, but TensorFlow's shift (core/kernels/cwise_ops.h) is limited to 7, so
 * the highest bit remains. With more than 8 bits, for which the reference would fail, the image is unchanged.
 */
export function posterize(image: RawImage, bits: number): RawImage {
  const shift = Math.min(7, Math.max(0, 8 - bits));
  return applyTables(image, [tableOf((x) => (x >> shift) << shift)]);
}

/** Inverts values from `threshold` on: 0 inverts all, 256 and above none. */
export const solarize = (image: RawImage, threshold: number): RawImage =>
  applyTables(image, [tableOf((x) => (x < threshold ? x : 255 - x))]);

/** Adds to values below 128 and clips; values from 128 on are unchanged. */
export const solarizeAdd = (image: RawImage, addition: number): RawImage =>
  applyTables(image, [tableOf((x) => (x < 128 ? clip(x + addition) : x))]);

/** Blends with black. */
export const brightness = (image: RawImage, factor: number): RawImage =>
  factor === 1 ? image : applyTables(image, [tableOf((x) => blended(0, x, round(factor)))]);

// tf.image.rgb_to_grayscale: weights 0.2989, 0.587, 0.114 on x / 255, then times 255.5 and truncation (convert_image_dtype).
const weighted = [0.2989, 0.587, 0.114].map((weight) =>
  Float32Array.from({ length: 256 }, (_, x) => round(weight) * round(x * round(1 / 255))),
);

/** tf.image.rgb_to_grayscale of 8-bit pixels, one value for each pixel; a one-channel image is returned unchanged. */
function grey({ data, channels }: RawImage): Uint8Array {
  if (channels === 1) return data;
  const [red, green, blue] = weighted as [Float32Array, Float32Array, Float32Array];
  const out = new Uint8Array(data.length / 3);
  for (let i = 0, from = 0; i < out.length; i++, from += 3) {
    out[i] = round(round(red[data[from]!]! + green[data[from + 1]!]!) + blue[data[from + 2]!]!) * 255.5;
  }
  return out;
}

/** Blends with luminance. */
export function color(image: RawImage, factor: number): RawImage {
  if (factor === 1 || image.channels === 1) return image;
  const out = blankLike(image, image.height, image.width);
  const scaled = Float32Array.from({ length: 511 }, (_, i) => round(factor) * (i - 255));
  const lights = grey(image);
  const { data } = image;
  const to = out.data;
  for (let pixel = 0, i = 0; pixel < lights.length; pixel++) {
    const light = lights[pixel]!;
    for (const end = i + 3; i < end; i++) {
      const value = round(light + scaled[data[i]! - light + 255]!);
      to[i] = value < 0 ? 0 : value > 255 ? 255 : value;
    }
  }
  return out;
}

/** The grey that contrast blends with. */
export type ContrastTarget = "pixel_count" | "mean";

/**
 * Blends with a constant grey. In the AugReg runs this grey is not the mean but the number of pixels over 256, clipped to 255: white for every
 * image of at least 65 280 pixels. Later big_vision code divides the sum of luminances by the number of pixels: `mean`.
 */
export function contrast(image: RawImage, factor: number, target: ContrastTarget = "pixel_count"): RawImage {
  if (factor === 1) return image;
  const pixels = image.height * image.width;
  let light = pixels / 256;
  if (target === "mean") light = grey(image).reduce((sum, x) => sum + x, 0) / pixels;
  light = Math.trunc(Math.min(255, light));
  return applyTables(image, [tableOf((x) => blended(light, x, round(factor)))]);
}

/** x / 13, truncated, for every weighted sum of nine pixels. */
const thirteenths = Uint8Array.from({ length: 13 * 255 + 1 }, (_, x) => x / 13);

/**
 * Blends with the image smoothed by [[1,1,1],[1,5,1],[1,1,1]] / 13. Pixels at the border are unchanged. The smoothed value is the integer sum
 * over 13, truncated. The reference sums in float32 in an unknown order, and may be one lower if the sum is divisible by 13.
 */
export function sharpness(image: RawImage, factor: number): RawImage {
  if (factor === 1) return image;
  const { height, width, channels, data } = image;
  const out = { ...image, data: data.slice() };
  const to = out.data;
  const stride = width * channels;
  const scaled = Float32Array.from({ length: 511 }, (_, i) => round(factor) * (i - 255));
  for (let y = 1; y < height - 1; y++) {
    for (let i = y * stride + channels; i < (y + 1) * stride - channels; i++) {
      const above = data[i - stride - channels]! + data[i - stride]! + data[i - stride + channels]!;
      const below = data[i + stride - channels]! + data[i + stride]! + data[i + stride + channels]!;
      const smooth = thirteenths[above + below + data[i - channels]! + data[i + channels]! + 5 * data[i]!]!;
      const value = round(smooth + scaled[data[i]! - smooth + 255]!);
      to[i] = value < 0 ? 0 : value > 255 ? 255 : value;
    }
  }
  return out;
}

function histograms({ data, channels }: RawImage): Int32Array[] {
  const counts = Array.from({ length: channels }, () => new Int32Array(256));
  for (let c = 0; c < channels; c++) {
    const count = counts[c]!;
    for (let i = c; i < data.length; i += channels) count[data[i]!]!++;
  }
  return counts;
}

/** Stretches every channel to the range 0 to 255; a constant channel is unchanged. */
export function autoContrast(image: RawImage): RawImage {
  return applyTables(
    image,
    histograms(image).map((counts) => {
      const low = counts.findIndex((n) => n > 0);
      const high = counts.findLastIndex((n) => n > 0);
      if (high <= low) return tableOf((x) => x);
      const scale = round(255 / (high - low));
      const offset = round(-low * scale);
      return tableOf((x) => clip(round(round(x * scale) + offset)));
    }),
  );
}

/**
 * Equalises the histogram of every channel like Pillow: the table is the cumulative count shifted by one value. A channel is unchanged if it
 * has fewer than 255 pixels without those of its greatest value.
 */
export function equalize(image: RawImage): RawImage {
  return applyTables(
    image,
    histograms(image).map((counts) => {
      const last = counts.findLastIndex((n) => n > 0);
      const step = Math.floor((image.height * image.width - counts[last]!) / 255);
      if (step === 0) return tableOf((x) => x);
      let before = 0;
      return tableOf((x) => {
        const value = x === 0 ? 0 : clip(Math.floor((before + Math.floor(step / 2)) / step));
        before += counts[x]!;
        return value;
      });
    }),
  );
}
