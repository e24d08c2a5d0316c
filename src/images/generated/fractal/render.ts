/** Renders fractals: the points of a chaos game, each as a pixel or a patch of 3 x 3, grey on black or in changing hues. */

import type { Random } from "../../../random/keyed.js";
import { type RawImage, rawImage } from "../../image.js";
import { chaosGame, createOrbit, type FractalSystem, type Orbit, toPixels } from "./system.js";

/** Rendering settings of a fractal. */
export interface FractalStyle {
  /** Side of the image in pixels. */
  readonly size: number;
  /** Number of points of the chaos game. */
  readonly points: number;
  /** Margin at every side, in pixels. */
  readonly padding: number;
  /** One pixel for each point, or a patch of 3 x 3 pixels that are on or off by a nine-bit pattern from 1 to 511. */
  readonly draw: "point" | "patch";
  /** A new pattern for every point (as in FractalDB's published code) or one for the image (as in its paper). */
  readonly pattern: "point" | "image";
  /** Grey 127 on black, or hues that change from point to point. */
  readonly colour: "grey" | "color";
}

/** Mirror images: none, up-down, left-right, both. */
export const flips = ["none", "up-down", "left-right", "both"] as const;
export type Flip = (typeof flips)[number];

const grey = 127;

/**
 * The 128 colours that points use in turn: all hues at saturation and intensity 0.75. [128, 3].
 * As published, the values of blue, green and red are stored as red, green and blue.
 */
export function huePalette(): Uint8Array {
  const steps = 128;
  const intensity = 0.75;
  const saturation = 0.75;
  const level = (value: number): number => Math.trunc(value * 255);
  const full = level(intensity);
  const low = level(intensity * (1 - saturation));
  return Uint8Array.from(
    Array.from({ length: steps }, (_, i) => {
      const hue = (6 * i) / steps;
      const sector = Math.floor(hue);
      const falling = level(intensity * (1 - saturation * (hue - sector)));
      const rising = level(intensity * (1 - saturation * (1 - hue + sector)));
      return [
        [low, rising, full],
        [low, full, falling],
        [rising, full, low],
        [full, falling, low],
        [full, low, rising],
        [falling, low, full],
      ][sector]!;
    }).flat(),
  );
}

/** Patches extend three pixels beyond their point, and without padding the largest coordinate is `size` itself. */
const reach = 4;

interface Scratch {
  readonly orbit: Orbit;
  readonly column: Uint16Array;
  readonly row: Uint16Array;
  /** Square of `size + reach`: 0 for black, else 1 + the index of a colour. */
  readonly canvas: Uint8Array;
  readonly size: number;
}

let scratch: Scratch | undefined;

function scratchFor({ points, size }: FractalStyle): Scratch {
  if (scratch?.orbit.x.length === points && scratch.size === size) return scratch;
  scratch = {
    orbit: createOrbit(points),
    column: new Uint16Array(points),
    row: new Uint16Array(points),
    canvas: new Uint8Array((size + reach) ** 2),
    size,
  };
  return scratch;
}

/** Random generators of an image: one for the points, one for the patterns of the patches. */
export interface FractalRandoms {
  readonly points: Random;
  readonly patterns: Random;
}

/**
 * Renders a system: [size, size, 1] in grey, [size, size, 3] in colour. y points upwards. Later points cover earlier ones; the pixels of a
 * patch that are off are black and cover too.
 */
export function renderFractal(
  system: FractalSystem,
  style: FractalStyle,
  randoms: FractalRandoms,
  flip: Flip = "none",
): RawImage {
  const { size, padding } = style;
  const { orbit, column, row, canvas } = scratchFor(style);
  const count = chaosGame(system, randoms.points, orbit);
  toPixels(orbit.x, count, size, padding, column);
  toPixels(orbit.y, count, size, padding, row);
  canvas.fill(0);
  const stride = size + reach;
  // The colour is 1 + i % 128 in colour, 1 in grey.
  const colourMask = style.colour === "color" ? 127 : 0;
  if (style.draw === "point") {
    for (let i = 0; i < count; i++) canvas[row[i]! * stride + column[i]!] = 1 + (i & colourMask);
  } else drawPatches(canvas, stride, count, column, row, colourMask, style.pattern, randoms.patterns);
  return develop(canvas, stride, style, flip);
}

/** A uniform integer from 1 to 511. */
function drawPattern(random: Random): number {
  let pattern = random.next() >>> 23;
  while (pattern === 0) pattern = random.next() >>> 23;
  return pattern;
}

function drawPatches(
  canvas: Uint8Array,
  stride: number,
  count: number,
  column: Uint16Array,
  row: Uint16Array,
  colourMask: number,
  change: FractalStyle["pattern"],
  random: Random,
): void {
  let pattern = drawPattern(random);
  for (let i = 0; i < count; i++) {
    if (change === "point") pattern = drawPattern(random);
    const colour = 1 + (i & colourMask);
    // The patch's corner is one pixel beyond the point; the first bit is the highest.
    let at = (row[i]! + 1) * stride + column[i]! + 1;
    canvas[at] = (pattern >>> 8) * colour;
    canvas[at + 1] = ((pattern >>> 7) & 1) * colour;
    canvas[at + 2] = ((pattern >>> 6) & 1) * colour;
    at += stride;
    canvas[at] = ((pattern >>> 5) & 1) * colour;
    canvas[at + 1] = ((pattern >>> 4) & 1) * colour;
    canvas[at + 2] = ((pattern >>> 3) & 1) * colour;
    at += stride;
    canvas[at] = ((pattern >>> 2) & 1) * colour;
    canvas[at + 1] = ((pattern >>> 1) & 1) * colour;
    canvas[at + 2] = (pattern & 1) * colour;
  }
}

const palette = huePalette();

/** Converts a canvas of colour indices, whose rows go from the bottom to the top, to an image. */
function develop(canvas: Uint8Array, stride: number, { size, colour }: FractalStyle, flip: Flip): RawImage {
  const upsideDown = flip === "up-down" || flip === "both";
  const mirrored = flip === "left-right" || flip === "both";
  const channels = colour === "color" ? 3 : 1;
  const data = new Uint8Array(size * size * channels);
  let to = 0;
  for (let y = 0; y < size; y++) {
    const start = (upsideDown ? y : size - 1 - y) * stride;
    for (let x = 0; x < size; x++, to += channels) {
      const value = canvas[start + (mirrored ? size - 1 - x : x)]!;
      if (value === 0) continue;
      if (channels === 1) data[to] = grey;
      else {
        const from = 3 * (value - 1);
        data[to] = palette[from]!;
        data[to + 1] = palette[from + 1]!;
        data[to + 2] = palette[from + 2]!;
      }
    }
  }
  return rawImage(data, size, size, channels);
}
