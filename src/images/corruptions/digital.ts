/** The brightness and digital families of the common corruptions: brightness, contrast, elastic transform, pixelation, JPEG. */

import type { Random } from "../../random/keyed.js";
import { decodeImage } from "../decode.js";
import { encodeJpeg } from "../encode.js";
import type { RawImage } from "../image.js";
import { resample } from "../resample.js";
import { between, blankUnit, clip01, gaussianBlur, type UnitImage } from "./unit.js";

/**
 * Adds to the value (the maximum of red, green and blue) with constant hue and saturation, which scales the three equally. Black has no hue
 * and becomes grey.
 */
export function brighter(image: UnitImage, addition: number): UnitImage {
  const { channels, data } = image;
  const out = new Float64Array(data.length);
  for (let i = 0; i < data.length; i += channels) {
    let value = 0;
    for (let c = 0; c < channels; c++) value = Math.max(value, data[i + c]!);
    const wanted = clip01(value + addition);
    for (let c = 0; c < channels; c++) out[i + c] = value === 0 ? wanted : (data[i + c]! * wanted) / value;
  }
  return { ...image, data: out };
}

/** Scales the difference from each channel's mean by `share`. */
export function lessContrast(image: UnitImage, share: number): UnitImage {
  const { channels, data } = image;
  const means = new Float64Array(channels);
  for (const [i, x] of data.entries()) means[i % channels]! += x / (data.length / channels);
  return { ...image, data: data.map((x, i) => (x - means[i % channels]!) * share + means[i % channels]!) };
}

/**
 * Applies a random affine map, then displacements by smoothed uniform noise (Simard 2003). The affine map moves three points of a central
 * square by up to `reach`. OpenCV, which the authors use, rounds its coordinates to 1/32 pixel; this function does not.
 */
export function elastic(
  image: UnitImage,
  [amplitude, sigma, reach]: readonly [number, number, number],
  side: number,
  random: Random,
): UnitImage {
  const { height, width, channels } = image;
  const unit = side * Math.min(height, width);
  const [middleX, middleY] = [Math.floor(width / 2), Math.floor(height / 2)];
  const third = Math.floor(Math.min(height, width) / 3);
  const from = [
    [middleX + third, middleY + third],
    [middleX + third, middleY - third],
    [middleX - third, middleY - third],
  ] as const;
  const shift = (): number => random.range(-reach * unit, reach * unit);
  const to = from.map(([x, y]) => [x + shift(), y + shift()] as const);
  // Maps positions in the result to positions in the image, by the inverse of the movement.
  const back = affineThrough(to, from);
  const moved = blankUnit(height, width, channels);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [sourceX, sourceY] = back(x, y);
      for (let c = 0; c < channels; c++) moved.data[i++] = between(image, sourceY, sourceX, c, "mirror");
    }
  }
  if (amplitude === 0) return moved;
  const displacement = (): Float64Array => {
    const noise = blankUnit(height, width, 1);
    for (let i = 0; i < noise.data.length; i++) noise.data[i] = random.range(-1, 1);
    return gaussianBlur(noise, sigma * unit, 3, "reflect").data.map((d) => d * amplitude * unit);
  };
  const [dx, dy] = [displacement(), displacement()];
  const out = blankUnit(height, width, channels);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      for (let c = 0; c < channels; c++) out.data[i++] = between(moved, y + dy[at]!, x + dx[at]!, c, "reflect");
    }
  }
  return out;
}

type Place = readonly [x: number, y: number];

/** The affine map from three points to three others; the identity if the points are collinear. */
function affineThrough(from: readonly Place[], to: readonly Place[]): (x: number, y: number) => Place {
  const [[x0, y0], [x1, y1], [x2, y2]] = from as readonly [Place, Place, Place];
  const determinant = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0);
  if (Math.abs(determinant) < 1e-9) return (x, y) => [x, y];
  const [t0, t1, t2] = to as readonly [Place, Place, Place];
  return (x, y) => {
    const u = ((x - x0) * (y2 - y0) - (x2 - x0) * (y - y0)) / determinant;
    const v = ((x1 - x0) * (y - y0) - (x - x0) * (y1 - y0)) / determinant;
    return [t0[0] + u * (t1[0] - t0[0]) + v * (t2[0] - t0[0]), t0[1] + u * (t1[1] - t0[1]) + v * (t2[1] - t0[1])];
  };
}

/** Downscales to a fraction of the sides and upscales again, both with Pillow's box filter. */
export function pixelated(image: RawImage, share: number): RawImage {
  const { height, width } = image;
  const small = (side: number): number => Math.max(1, Math.trunc(side * share));
  return resample(resample(image, small(height), small(width), "box", true), height, width, "box", true);
}

/** Encodes as JPEG of a quality and decodes again. */
export async function recompressed(image: RawImage, quality: number): Promise<RawImage> {
  const bytes = await encodeJpeg(image, quality);
  return (await decodeImage(
    { kind: "encoded", bytes },
    "an image written as JPEG",
    image.channels as 1 | 3,
  )) as RawImage;
}
