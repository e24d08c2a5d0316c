/**
 * Draws the images of the patch-grid study: one small object of one of six shapes on a background of smooth colour
 * blobs.
 */

import { type RawImage, rawImage } from "../../images/index.js";
import type { Random } from "../../random/keyed.js";

/** The pixels of a square that belong to the object. */
export interface Mask {
  readonly side: number;
  readonly inside: Uint8Array;
}

/** The classes; all shapes have about the same area. */
export const objectClasses = ["disk", "ring", "frame", "plus", "saltire", "triangle"] as const;
export type ObjectClass = (typeof objectClasses)[number];

/** u and v range from -1 to 1 across the square. */
const shapes: Readonly<Record<ObjectClass, (u: number, v: number) => boolean>> = {
  disk: (u, v) => u * u + v * v <= 0.72,
  ring: (u, v) => u * u + v * v <= 1 && u * u + v * v >= 0.36,
  frame: (u, v) => Math.max(Math.abs(u), Math.abs(v)) >= 0.55,
  plus: (u, v) => Math.min(Math.abs(u), Math.abs(v)) <= 0.28,
  saltire: (u, v) => Math.abs(Math.abs(u) - Math.abs(v)) <= 0.36,
  triangle: (u, v) => Math.abs(u) <= (v + 1) / 2,
};

/** The pixels of a class in a square of `side` pixels. */
export function objectMask(name: ObjectClass, side: number): Mask {
  const inside = new Uint8Array(side * side);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const [u, v] = [((x + 0.5) / side) * 2 - 1, ((y + 0.5) / side) * 2 - 1];
      inside[y * side + x] = shapes[name](u, v) ? 1 : 0;
    }
  }
  return { side, inside };
}

export interface Scene {
  readonly height: number;
  readonly width: number;
  readonly mask: Mask;
  /** Position of the square's first pixel. */
  readonly top: number;
  readonly left: number;
  /** Determines colours and blobs: the same generator gives the same object and background at any position. */
  readonly random: Random;
}

/** The background has this many colours in each direction, with linear interpolation in between. */
const blots = 5;
/** Minimum distance of the object's colour from the mean background colour, of 255 in each of three channels. */
const apart = 70;

export function paintScene({ height, width, mask, top, left, random }: Scene): RawImage {
  const base = [0, 1, 2].map(() => random.range(80, 176));
  const colours = Array.from({ length: blots * blots * 3 }, (_, i) => base[i % 3]! + random.range(-45, 45));
  // lighter or darker at random in each channel, but never close to the background
  const object = base.map((value) => {
    const shift = random.range(apart, 2 * apart) * (random.uniform() < 0.5 ? -1 : 1);
    return value + shift < 0 || value + shift > 255 ? value - shift : value + shift;
  });
  const grain = Float64Array.from({ length: mask.side * mask.side }, () => random.range(-12, 12));
  const data = new Uint8Array(height * width * 3);
  const clip = (x: number): number => Math.min(255, Math.max(0, Math.round(x)));
  for (let y = 0; y < height; y++) {
    const v = (y / Math.max(1, height - 1)) * (blots - 1);
    const row = Math.min(blots - 2, Math.floor(v));
    for (let x = 0; x < width; x++) {
      const u = (x / Math.max(1, width - 1)) * (blots - 1);
      const column = Math.min(blots - 2, Math.floor(u));
      for (let c = 0; c < 3; c++) {
        const at = (dy: number, dx: number): number => colours[((row + dy) * blots + column + dx) * 3 + c]!;
        const upper = at(0, 0) + (u - column) * (at(0, 1) - at(0, 0));
        const lower = at(1, 0) + (u - column) * (at(1, 1) - at(1, 0));
        data[(y * width + x) * 3 + c] = clip(upper + (v - row) * (lower - upper));
      }
    }
  }
  for (let y = 0; y < mask.side; y++) {
    for (let x = 0; x < mask.side; x++) {
      if (mask.inside[y * mask.side + x] === 0) continue;
      const to = ((top + y) * width + left + x) * 3;
      for (let c = 0; c < 3; c++) data[to + c] = clip(object[c]! + grain[y * mask.side + x]!);
    }
  }
  return rawImage(data, height, width, 3);
}
