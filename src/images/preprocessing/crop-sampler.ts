/** Samples crops like TensorFlow's sample_distorted_bounding_box, which "inception crop" is based on. */
import type { Random } from "../../random/keyed.js";
import type { Rectangle } from "../resize.js";

/** Limits of a random crop: its fraction of the image's area, and its aspect ratio (width over height). */
export interface CropLimits {
  readonly areaMin: number;
  readonly areaMax: number;
  readonly ratioMin: number;
  readonly ratioMax: number;
}

/** Number of attempts before the whole image is used (the op's max_attempts default). */
const maxAttempts = 100;

/**
 * Samples a crop of a height x width image like TensorFlow's kernel for a box that covers the whole image: an aspect ratio uniform in its
 * limits, then a height uniform between the minimum and maximum that satisfy the area limits, width = round(height * ratio), and a uniform
 * position. After 100 failed attempts, the whole image is returned.
 *
 * torchvision's rule differs (area uniform, ratio log-uniform), which changes accuracy by tenths of a per cent (papers.md 5.6).
 */
export function sampleCrop(height: number, width: number, limits: CropLimits, random: Random): Rectangle {
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const size = sampleSize(height, width, limits, random.range(limits.ratioMin, limits.ratioMax), random);
    if (size === undefined) continue;
    // The kernel draws from [0, slack), so the last position is never used; this is kept for an equal distribution.
    const top = size.height < height ? random.integer(height - size.height) : 0;
    const left = size.width < width ? random.integer(width - size.width) : 0;
    return { top, left, ...size };
  }
  return { top: 0, left: 0, height, width };
}

function sampleSize(
  height: number,
  width: number,
  limits: CropLimits,
  ratio: number,
  random: Random,
): { height: number; width: number } | undefined {
  const minArea = limits.areaMin * width * height;
  const maxArea = limits.areaMax * width * height;
  const least = roundToEven(Math.sqrt(minArea / ratio));
  let greatest = roundToEven(Math.sqrt(maxArea / ratio));
  if (roundToEven(greatest * ratio) > width) {
    greatest = Math.floor((width + 0.5 - 1e-7) / ratio);
    if (roundToEven(greatest * ratio) > width) greatest -= 1;
  }
  greatest = Math.min(greatest, height);
  let cropHeight = least < greatest ? least + random.integer(greatest - least + 1) : greatest;
  let cropWidth = roundToEven(cropHeight * ratio);
  // Rounding may violate an area limit; the kernel tries the neighbouring heights before it gives up.
  if (cropWidth * cropHeight < minArea) {
    cropHeight += 1;
    cropWidth = roundToEven(cropHeight * ratio);
  }
  if (cropWidth * cropHeight > maxArea) {
    cropHeight -= 1;
    cropWidth = roundToEven(cropHeight * ratio);
  }
  const area = cropWidth * cropHeight;
  if (area < minArea || area > maxArea || cropWidth > width || cropHeight > height || cropWidth < 1 || cropHeight < 1)
    return undefined;
  return { height: cropHeight, width: cropWidth };
}

/** Rounds halves to the even neighbour, like C's lrint and TensorFlow's round. */
export function roundToEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}
