/**
 * Scores the similarity of two aligned thumbnails, and defines the threshold above which they count as near-duplicates.
 *
 * The constants are calibrated on human-annotated pairs of CIFAR-10 (papers.md 10.6) and on edited copies. `fovea dedup-accuracy` measures
 * both again; docs/results.md reports the figures.
 */

import type { Descriptor } from "../describe/descriptor.js";
import { thumbnailSide } from "../describe/hash.js";
import { type Alignment, correlation, type Placement } from "./align.js";
import type { Thumbnail } from "./thumbnail.js";

/** Correlation of 16 x 16 thumbnails below which a pair is rejected without alignment; no annotated near-duplicate is below 0.7. */
export const leastCoarse = 0.65;

/**
 * Minimum score of a near-duplicate. 92 % of the annotated near-duplicates reach it, and few pairs of distinct but similar images do, such
 * as single flowers or hands in front of the same wall (docs/results.md reports both for several thresholds).
 */
export const nearDuplicateScore = 0.85;

/** Weight of the detail; the rest is the luminance's. Smooth images of a centred object agree in luminance but hardly in detail. */
const detailWeight = 0.7;

/** Score of an alignment, at most 1. */
export function scoreOf({ luminance, detail }: Alignment): number {
  return (1 - detailWeight) * luminance + detailWeight * detail;
}

/** Root mean square colour difference that weighs as much as a correlation of 1, in levels of 0 to 255. */
const colourScale = 50;

/** Input of `similarity`: an image's descriptor and thumbnail. */
export interface Picture {
  readonly descriptor: Descriptor;
  readonly thumbnail: Thumbnail;
}

/**
 * Ranks near-duplicates by how little they differ: the correlations with and without alignment, the size of the alignment's movement, and
 * the colours. It is used for ranking only; it does not decide whether two images are near-duplicates.
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

/** Movement of the centre and, through the scale, of the border along both axes, in units of half a side. */
function movement({ scaleX, scaleY, shiftX, shiftY }: Placement): number {
  const half = thumbnailSide / 2;
  return Math.hypot(Math.log(scaleX), Math.log(scaleY), shiftX / half, shiftY / half);
}

/** Root mean square difference of red and blue minus luminance, in levels. */
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
