/** Helpers of the corruptions: images with values from 0 to 1, their filters, and normal and Poisson draws. */

import type { Random } from "../../random/keyed.js";
import { type RawImage, rawImage } from "../image.js";

/** Pixels from 0 to 1, interleaved, in row-major order. */
export interface UnitImage {
  readonly data: Float64Array;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

export const blankUnit = (height: number, width: number, channels: number): UnitImage => ({
  data: new Float64Array(height * width * channels),
  height,
  width,
  channels,
});

export function toUnit({ data, height, width, channels }: RawImage): UnitImage {
  return { data: Float64Array.from(data, (x) => x / 255), height, width, channels };
}

export const clip01 = (x: number): number => (x < 0 ? 0 : x > 1 ? 1 : x);

/** Clips to 0 .. 1, multiplies by 255 and truncates like the authors' cast to bytes, up to float64 rounding. */
export function toRaw({ data, height, width, channels }: UnitImage): RawImage {
  return rawImage(
    Uint8Array.from(data, (x) => clip01(x) * 255 + 1e-9),
    height,
    width,
    channels,
  );
}

/** Draws from the normal distribution (Box and Muller 1958). */
export function normal(random: Random): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random.uniform()));
  return radius * Math.cos(2 * Math.PI * random.uniform());
}

/** Draws from the Poisson distribution by inversion of one uniform number; `mean` up to 700, above which exp(-mean) underflows. */
export function poisson(mean: number, random: Random): number {
  const wanted = random.uniform();
  // Rounding leaves the sum of the probabilities slightly below 1, which a uniform number close to 1 might never reach.
  const most = mean + 20 * Math.sqrt(mean) + 40;
  let probability = Math.exp(-mean);
  let sum = probability;
  let count = 0;
  while (sum <= wanted && count < most) {
    count++;
    probability *= mean / count;
    sum += probability;
  }
  return count;
}

/** Values outside an image: the nearest pixel, or the image mirrored with its last pixel repeated (`reflect`) or not (`mirror`). */
export type Border = "nearest" | "reflect" | "mirror";

/** The pixel of 0 .. n-1 used for position `i`. */
export function inside(i: number, n: number, border: Border): number {
  if (i >= 0 && i < n) return i;
  if (border === "nearest" || n === 1) return i < 0 ? 0 : n - 1;
  const period = border === "reflect" ? 2 * n : 2 * n - 2;
  const at = ((i % period) + period) % period;
  if (at < n) return at;
  return border === "reflect" ? period - 1 - at : period - at;
}

/** For each position along a line of n, the weights of its pixels; weights outside the image are added to their border pixels. */
interface Taps {
  readonly first: number;
  readonly weights: Float64Array;
}

const remembered = new Map<string, Taps[]>();

/** Weights of a Gaussian filter like scipy's: radius int(truncate sigma + 0.5), normalised to sum 1. */
function gaussianTaps(n: number, sigma: number, truncate: number, border: Border): Taps[] {
  const key = `${n} ${sigma} ${truncate} ${border}`;
  const known = remembered.get(key);
  if (known) return known;
  const radius = Math.trunc(truncate * sigma + 0.5);
  const kernel = Float64Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp((-0.5 * (i - radius) ** 2) / sigma ** 2),
  );
  const total = kernel.reduce((sum, x) => sum + x, 0);
  const taps = Array.from({ length: n }, (_, at) => {
    const row = new Float64Array(n);
    for (let k = -radius; k <= radius; k++) row[inside(at + k, n, border)]! += kernel[k + radius]! / total;
    const first = Math.max(0, at - radius);
    // Mirrored pixels are never farther away than the radius.
    return { first, weights: row.slice(first, Math.min(n, at + radius + 1)) };
  });
  if (remembered.size > 64) remembered.clear();
  remembered.set(key, taps);
  return taps;
}

/** Gaussian blur of both axes (scipy's gaussian_filter); sigma 0 changes nothing. */
export function gaussianBlur(image: UnitImage, sigma: number, truncate = 4, border: Border = "nearest"): UnitImage {
  if (sigma <= 1e-15) return image;
  const { height, width, channels } = image;
  const down = blankUnit(height, width, channels);
  const stride = width * channels;
  for (const [y, { first, weights }] of gaussianTaps(height, sigma, truncate, border).entries()) {
    for (const [k, weight] of weights.entries()) {
      const from = (first + k) * stride;
      for (let i = 0; i < stride; i++) down.data[y * stride + i]! += weight * image.data[from + i]!;
    }
  }
  const out = blankUnit(height, width, channels);
  const taps = gaussianTaps(width, sigma, truncate, border);
  for (let y = 0; y < height; y++) {
    for (const [x, { first, weights }] of taps.entries()) {
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        let from = y * stride + first * channels + c;
        for (let k = 0; k < weights.length; k++, from += channels) sum += weights[k]! * down.data[from]!;
        out.data[y * stride + x * channels + c] = sum;
      }
    }
  }
  return out;
}

/** Filters with weights at offsets: out(y, x) = sum of weight * in(y + dy, x + dx). */
export function filter(
  image: UnitImage,
  kernel: readonly { readonly dy: number; readonly dx: number; readonly weight: number }[],
  border: Border,
): UnitImage {
  const { height, width, channels, data } = image;
  const out = blankUnit(height, width, channels);
  for (const { dy, dx, weight } of kernel) {
    const columns = Int32Array.from({ length: width }, (_, x) => inside(x + dx, width, border) * channels);
    for (let y = 0; y < height; y++) {
      const from = inside(y + dy, height, border) * width * channels;
      let to = y * width * channels;
      for (let x = 0; x < width; x++) {
        const at = from + columns[x]!;
        for (let c = 0; c < channels; c++) out.data[to++]! += weight * data[at + c]!;
      }
    }
  }
  return out;
}

/**
 * Motion blur like ImageMagick's: a one-sided Gaussian of 2 radius + 1 samples along a line in the direction `degrees`. Each sample is the
 * nearest pixel, edges are repeated, and the result is rounded to bytes.
 */
export function motionBlur(image: UnitImage, radius: number, sigma: number, degrees: number): UnitImage {
  const weights = Float64Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-(i * i) / (2 * sigma * sigma)));
  const total = weights.reduce((sum, x) => sum + x, 0);
  const angle = (degrees * Math.PI) / 180;
  const kernel = [...weights].map((weight, i) => ({
    dx: Math.ceil(i * Math.cos(angle) - 0.5),
    dy: Math.ceil(i * Math.sin(angle) - 0.5),
    weight: weight / total,
  }));
  const blurred = filter(image, kernel, "nearest");
  return { ...blurred, data: blurred.data.map((x) => Math.round(x * 255) / 255) };
}

/** Bilinear interpolation at (y, x). */
export function between(
  { data, height, width, channels }: UnitImage,
  y: number,
  x: number,
  c: number,
  border: Border,
): number {
  const [top, left] = [Math.floor(y), Math.floor(x)];
  const [v, u] = [y - top, x - left];
  const rows = [inside(top, height, border), inside(top + 1, height, border)] as const;
  const columns = [inside(left, width, border), inside(left + 1, width, border)] as const;
  const at = (row: number, column: number): number => data[(row * width + column) * channels + c]!;
  const upper = at(rows[0], columns[0]) * (1 - u) + at(rows[0], columns[1]) * u;
  const lower = at(rows[1], columns[0]) * (1 - u) + at(rows[1], columns[1]) * u;
  return upper * (1 - v) + lower * v;
}

/**
 * Enlarges the centre of an image by `zoom` to the size of the image: ceil(side / zoom) pixels of each side are resized to round(zoom * that)
 * with aligned corners (scipy's zoom of order 1), and the centre is cropped. The authors' code expects squares; here each side is computed
 * separately.
 */
export function clippedZoom(image: UnitImage, zoom: number): UnitImage {
  const { height, width, channels } = image;
  const places = (side: number): Float64Array => {
    const kept = Math.ceil(side / zoom);
    const start = Math.floor((side - kept) / 2);
    const enlarged = Math.max(side, roundHalfToEven(kept * zoom));
    const trim = Math.floor((enlarged - side) / 2);
    const step = enlarged > 1 ? (kept - 1) / (enlarged - 1) : 0;
    return Float64Array.from({ length: side }, (_, i) => start + (i + trim) * step);
  };
  const [rows, columns] = [places(height), places(width)];
  const out = blankUnit(height, width, channels);
  let to = 0;
  for (const y of rows) {
    for (const x of columns) {
      for (let c = 0; c < channels; c++) out.data[to++] = between(image, y, x, c, "nearest");
    }
  }
  return out;
}

/** Rounds like Python's round. */
function roundHalfToEven(x: number): number {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}
