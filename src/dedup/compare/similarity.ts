/**
 * The similarity of two aligned thumbnails, and the threshold from which they count as near-duplicates.
 *
 * Calibrated on the pairs of CIFAR-10 that people judged (papers.md 10.6) and on edited copies; `fovea dedup-accuracy` measures both again,
 * and docs/results.md has the figures.
 */

import type { Descriptor } from "../describe/descriptor.js";
import { thumbnailSide } from "../describe/hash.js";
import { type Alignment, correlation, type Placement } from "./align.js";
import type { Thumbnail } from "./thumbnail.js";

/** Correlation of 16 x 16 thumbnails below which a pair is not looked at closer: of the judged near-duplicates none is below 0.7. */
export const leastCoarse = 0.65;

/**
 * The least score of a near-duplicate: 92 % of the judged ones reach it, and few of other pictures that are alike, such as single flowers or
 * hands before one wall (docs/results.md has both for several thresholds).
 */
export const nearDuplicateScore = 0.85;

/** What the detail counts for; the rest is the luminance's. Smooth pictures of one thing in the middle are alike in luminance, hardly in detail. */
const detailWeight = 0.7;

/** The score of an alignment, up to 1. */
export function scoreOf({ luminance, detail }: Alignment): number {
  return (1 - detailWeight) * luminance + detailWeight * detail;
}

/** Root mean square difference of colour that weighs as much as a correlation of 1, in levels of 0 to 255. */
const colourScale = 50;

/** An image as `similarity` compares it. */
export interface Picture {
  readonly descriptor: Descriptor;
  readonly thumbnail: Thumbnail;
}

/**
 * Ranks near-duplicates by how little was changed: both correlations, that of the images without alignment, how far one is moved in the
 * other, and colours. It ranks only; it does not decide whether two images are near-duplicates.
 */
export function similarity(a: Picture, b: Picture, alignment: Alignment): number {
  const colours = colourDifference(a.descriptor.colours, b.descriptor.colours);
  return (
    alignment.luminance +
    alignment.detail +
    correlation(a.thumbnail.half, b.thumbnail.half) -
    movement(alignment) -
    colours / colourScale
  );
}

/** How far a placement moves the middle and, by its size, the border, along both axes: in halves of a side. */
function movement({ scaleX, scaleY, shiftX, shiftY }: Placement): number {
  const half = thumbnailSide / 2;
  return Math.hypot(Math.log(scaleX), Math.log(scaleY), shiftX / half, shiftY / half);
}

/** Root mean square difference of red and blue less luminance, in levels. */
function colourDifference(a: Uint8Array, b: Uint8Array): number {
  let squares = 0;
  for (let i = 0; i < a.length; i += 3) {
    const grey = luminanceAt(a, i) - luminanceAt(b, i);
    squares += (a[i]! - b[i]! - grey) ** 2 + (a[i + 2]! - b[i + 2]! - grey) ** 2;
  }
  return Math.sqrt(squares / ((2 * a.length) / 3));
}

const luminanceAt = (rgb: Uint8Array, at: number): number =>
  0.299 * rgb[at]! + 0.587 * rgb[at + 1]! + 0.114 * rgb[at + 2]!;
