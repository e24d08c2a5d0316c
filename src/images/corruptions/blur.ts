/** The blurs of the common corruptions: defocus, glass, motion and zoom. */
import type { Random } from "../../random/keyed.js";
import { blankUnit, clippedZoom, filter, gaussianBlur, motionBlur, type UnitImage } from "./unit.js";

/**
 * A disk kernel on a grid of 17 or more pixels, its edge smoothed by a Gaussian of 3 x 3 (above radius 8: 5 x 5) pixels. If the disk touches
 * the grid's edge (radius 8, 10), the mirrored tips make it sum to 1.01, as in the authors' filter.
 */
export function diskKernel(radius: number, alias: number): { dy: number; dx: number; weight: number }[] {
  const reach = radius <= 8 ? 8 : radius;
  const side = 2 * reach + 1;
  const disk = blankUnit(side, side, 1);
  let inDisk = 0;
  for (let y = -reach; y <= reach; y++) {
    for (let x = -reach; x <= reach; x++) {
      if (x * x + y * y > radius * radius) continue;
      disk.data[(y + reach) * side + x + reach] = 1;
      inDisk++;
    }
  }
  const half = radius <= 8 ? 1 : 2;
  const line = Array.from({ length: 2 * half + 1 }, (_, i) => Math.exp(-((i - half) ** 2) / (2 * alias * alias)));
  const total = line.reduce((sum, x) => sum + x, 0);
  const smoothing = line.flatMap((a, i) =>
    line.map((b, j) => ({ dy: i - half, dx: j - half, weight: (a * b) / (total * total) })),
  );
  const smooth = filter(disk, smoothing, "mirror");
  const kernel: { dy: number; dx: number; weight: number }[] = [];
  for (const [i, value] of smooth.data.entries()) {
    // Skip the tails of the smoothing, which are far below the precision of a float32 filter.
    if (value / inDisk < 1e-12) continue;
    kernel.push({ dy: Math.floor(i / side) - reach, dx: (i % side) - reach, weight: value / inDisk });
  }
  return kernel;
}

export const defocusBlur = (image: UnitImage, [radius, alias]: readonly [number, number]): UnitImage =>
  filter(image, diskKernel(radius, alias), "mirror");

/**
 * Blurs, then replaces pixels, from the bottom right to the top left, by one at a distance of at most `distance`, and blurs again. The authors
 * intend to swap the two pixels. Their code leaves the second unchanged, and so does this function.
 */
export function glassBlur(
  image: UnitImage,
  [sigma, distance, times]: readonly [number, number, number],
  random: Random,
): UnitImage {
  const { height, width, channels } = image;
  const blurred = gaussianBlur(image, sigma);
  const data = blurred.data.map((x) => Math.trunc(x * 255 + 1e-9) / 255);
  for (let time = 0; time < times; time++) {
    for (let y = height - distance; y > distance; y--) {
      for (let x = width - distance; x > distance; x--) {
        const dx = random.integer(2 * distance) - distance;
        const dy = random.integer(2 * distance) - distance;
        const from = ((y + dy) * width + x + dx) * channels;
        data.copyWithin((y * width + x) * channels, from, from + channels);
      }
    }
  }
  return gaussianBlur({ ...image, data }, sigma);
}

/** Motion blur in a direction within 45 degrees of the horizontal. */
export const motionBlurred = (
  image: UnitImage,
  [radius, sigma]: readonly [number, number],
  random: Random,
): UnitImage => motionBlur(image, radius, sigma, random.range(-45, 45));

/** The zoom factors, computed like numpy's arange, whose rounding decides whether the end is included. */
export function zoomFactors([end, step]: readonly [number, number]): number[] {
  return Array.from({ length: Math.ceil((end - 1) / step) }, (_, i) => 1 + i * (1 + step - 1));
}

/** The mean of the image and its zoomed versions. */
export function zoomBlur(image: UnitImage, range: readonly [number, number]): UnitImage {
  const factors = zoomFactors(range);
  const sum = image.data.slice();
  for (const factor of factors) {
    const { data } = clippedZoom(image, factor);
    for (let i = 0; i < sum.length; i++) sum[i]! += data[i]!;
  }
  return { ...image, data: sum.map((x) => x / (factors.length + 1)) };
}
