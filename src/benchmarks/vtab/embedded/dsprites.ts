/**
 * Renders dSprites (Matthey et al. 2017): white squares, ellipses and hearts on black, 64 x 64. Each combination of 3
 * shapes, 6 scales, 40 orientations and 32 x 32 positions occurs once, in the order of the published archive.
 *
 * The publisher documents the factors but not how the shapes were drawn (as vectors by LOVE on a GPU, without
 * antialiasing). The outlines below, with vertices rounded to 1/256 of a pixel as GPUs do, reproduce all 320 frames of
 * the publisher's animation (dsprites.gif) and all 43 samples in its notebook bit for bit. The archive itself was not
 * available: its other images are the same drawing at other factors, but were not compared one by one.
 */
import { type RawImage, rawImage } from "../../../images/index.js";
import { largest, smallest } from "../../../text/arrays.js";

export const spriteShapes = ["square", "ellipse", "heart"] as const;

/** The number of values of each factor, in the archive's order with the slowest first. The colour is always white. */
export const spriteFactors = { shape: 3, scale: 6, orientation: 40, x: 32, y: 32 } as const;

/** The number of images: 737,280. */
export const spriteCount = 3 * 6 * 40 * 32 * 32;

/** The side of an image in pixels. */
export const spriteSide = 64;

/** The factors of an image as integers from 0. */
export interface SpriteLatents {
  readonly shape: number;
  readonly scale: number;
  readonly orientation: number;
  readonly x: number;
  readonly y: number;
}

/** The factors of image `index` of the archive; y varies fastest. */
export function spriteLatents(index: number): SpriteLatents {
  if (!(Number.isInteger(index) && index >= 0 && index < spriteCount))
    throw new RangeError(`dSprites: index ${index}; expected 0 to ${spriteCount - 1}`);
  const { scale, orientation, x, y } = spriteFactors;
  return {
    y: index % y,
    x: Math.floor(index / y) % x,
    orientation: Math.floor(index / (y * x)) % orientation,
    scale: Math.floor(index / (y * x * orientation)) % scale,
    shape: Math.floor(index / (y * x * orientation * scale)),
  };
}

/**
 * Half the side of a shape's bounding square at full scale. The square's side is 0.3 of the image's side: 19.2 pixels.
 */
const half = 0.15 * spriteSide;
/** The radii of an ellipse relative to a circle's: 1.33 along the long axis, 1 / 1.33 along the short axis. */
const stretch = 1.33;
const ellipseVertices = 100;
const heartVertices = 150;
/** GPUs round vertices to this fraction of a pixel. */
const subpixels = 256;

type Outline = readonly (readonly [x: number, y: number])[];

const outlines: readonly Outline[] = [
  [
    [-half, -half],
    [half, -half],
    [half, half],
    [-half, half],
  ],
  polygon(ellipseVertices, (t) => [half * stretch * Math.cos(t), (half / stretch) * Math.sin(t)]),
  // The heart curve x = 16 sin^3 t, y = 13 cos t - 5 cos 2t - 2 cos 3t - cos 4t (upwards), 32 wide and 29 high, scaled
  // to the square and raised by 0.075 of its side.
  polygon(heartVertices, (t) => {
    const up = 13 * Math.cos(t) - 5 * Math.cos(2 * t) - 2 * Math.cos(3 * t) - Math.cos(4 * t);
    return [half * Math.sin(t) ** 3, -2 * half * (up / 29 + 0.075)];
  }),
];

function polygon(vertices: number, at: (t: number) => readonly [number, number]): Outline {
  return Array.from({ length: vertices }, (_, i) => at((2 * Math.PI * i) / vertices));
}

/**
 * Draws one image, [64, 64, 1], with values 0 or 255. A pixel is white if its centre lies inside the outline.
 * Orientations are 40 values from 0 to 2 pi, both included (so the first and the last are the same image),
 * anticlockwise.
 */
export function renderSprite({ shape, scale, orientation, x, y }: SpriteLatents): RawImage {
  const outline = outlines[shape]!;
  const size = 0.5 + 0.1 * scale;
  const angle = (2 * Math.PI * orientation) / (spriteFactors.orientation - 1);
  const cos = size * Math.cos(angle);
  const sin = size * Math.sin(angle);
  // Positions 0 to 1 span the central half of the image.
  const left = spriteSide / 4 + ((spriteSide / 2) * x) / (spriteFactors.x - 1);
  const top = spriteSide / 4 + ((spriteSide / 2) * y) / (spriteFactors.y - 1);
  const snap = (value: number): number => Math.round(value * subpixels) / subpixels;
  const px = outline.map(([u, v]) => snap(left + cos * u + sin * v));
  const py = outline.map(([u, v]) => snap(top - sin * u + cos * v));
  const data = new Uint8Array(spriteSide * spriteSide);
  const crossings: number[] = [];
  const first = Math.max(0, Math.floor(smallest(py)));
  const last = Math.min(spriteSide - 1, Math.ceil(largest(py)));
  for (let row = first; row <= last; row++) {
    const centre = row + 0.5;
    crossings.length = 0;
    for (let i = 0, j = px.length - 1; i < px.length; j = i++) {
      if (py[i]! > centre === py[j]! > centre) continue;
      crossings.push(px[i]! + ((px[j]! - px[i]!) * (centre - py[i]!)) / (py[j]! - py[i]!));
    }
    crossings.sort((a, b) => a - b);
    // Fills from one crossing to the next: pixels whose centre is at or after the first crossing and before the second.
    for (let k = 0; k + 1 < crossings.length; k += 2) {
      const from = Math.max(0, Math.ceil(crossings[k]! - 0.5));
      const to = Math.min(spriteSide, Math.ceil(crossings[k + 1]! - 0.5));
      if (to > from) data.fill(255, row * spriteSide + from, row * spriteSide + to);
    }
  }
  return rawImage(data, spriteSide, spriteSide, 1);
}
