/**
 * Affine transforms of 8-bit images with the semantics of TensorFlow's image transform, for RandAugment's rotate, shear and translate.
 *
 * Sources: TensorFlow's kernel (core/kernels/image/image_ops.h) and TensorFlow Addons' transform, rotate and translate. The matrix maps an
 * output pixel (x, y) to an input position. The default interpolation is nearest neighbour by std::round, which rounds halves away from
 * zero. All arithmetic is float32, and positions outside the image get the fill value. Coordinates are those of pixel centres with the first
 * pixel at (0, 0). Shear has no offset and is therefore about the top left pixel; rotation is about ((W-1)/2, (H-1)/2). It is not known
 * whether the compiler fused the products and sums of a coordinate, which affects positions within a float32 step of half way between two
 * pixels.
 */
import { blankLike, type RawImage } from "../image.js";

/** Rows (a, b, c) of x' = a x + b y + c, then of y'. */
export type Affine = readonly [number, number, number, number, number, number];

/** RandAugment fills with mid-grey (papers.md 5.7). */
export const fillValue = 128;

/** Applies an inverse map: the output pixel (x, y) is the input pixel nearest to (x', y'), or 128 outside the image. */
export function affine(image: RawImage, [a, b, c, d, e, f]: Affine): RawImage {
  const { height, width, channels, data } = image;
  const out = blankLike(image, height, width);
  const filled = out.data;
  filled.fill(fillValue);
  const round = Math.fround;
  // The products of one coordinate are the same in every row or column.
  const byColumn = (factor: number) => Float32Array.from({ length: width }, (_, x) => round(factor) * x);
  const [ax, dx] = [byColumn(a), byColumn(d)];
  const [right, bottom] = [width - 0.5, height - 0.5];
  let to = 0;
  for (let y = 0; y < height; y++) {
    const by = round(round(b) * y);
    const ey = round(round(e) * y);
    for (let x = 0; x < width; x++, to += channels) {
      const column = round(round(ax[x]! + by) + round(c));
      const row = round(round(dx[x]! + ey) + round(f));
      // With rounding away from zero, -0.5 and W - 0.5 are outside.
      if (!(column > -0.5 && column < right && row > -0.5 && row < bottom)) continue;
      const from = (Math.floor(row + 0.5) * width + Math.floor(column + 0.5)) * channels;
      for (let channel = 0; channel < channels; channel++) filled[to + channel] = data[from + channel]!;
    }
  }
  return out;
}

/** Rotates about the centre, counter-clockwise for positive degrees (a comment of the reference says clockwise). */
export function rotate(image: RawImage, degrees: number): RawImage {
  const angle = Math.fround((degrees * Math.PI) / 180);
  const [cos, sin] = [Math.fround(Math.cos(angle)), Math.fround(Math.sin(angle))];
  const [w, h] = [image.width - 1, image.height - 1];
  const round = Math.fround;
  const offset = (whole: number, rotated: number): number => round(round(whole - rotated) / 2);
  return affine(image, [
    cos,
    -sin,
    offset(w, round(round(cos * w) - round(sin * h))),
    sin,
    cos,
    offset(h, round(round(sin * w) + round(cos * h))),
  ]);
}

/** Samples row y `factor * y` pixels further right. */
export const shearX = (image: RawImage, factor: number): RawImage => affine(image, [1, factor, 0, 0, 1, 0]);
/** Samples column x `factor * x` pixels further down. */
export const shearY = (image: RawImage, factor: number): RawImage => affine(image, [1, 0, 0, factor, 1, 0]);
/** Moves the image `pixels` to the left (the reference negates its shift, and the transform inverts it). */
export const translateX = (image: RawImage, pixels: number): RawImage => affine(image, [1, 0, pixels, 0, 1, 0]);
/** Moves the image `pixels` up. */
export const translateY = (image: RawImage, pixels: number): RawImage => affine(image, [1, 0, 0, 0, 1, pixels]);
