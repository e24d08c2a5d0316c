/** Draws the images that the page trains on: one figure of a random colour, place, size and tilt on a noisy background. */

export const side = 32;
export const classNames = ["circle", "square", "triangle", "star", "cross", "ring"] as const;

/** Numbers from 0 to 1, drawn from a seed. */
export type Random = () => number;

/** A generator of random numbers: Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8(14), 2003, with 32 bits (13, 17, 5). */
export function seededRandom(seed: number): Random {
  let state = (seed ^ 0x9e3779b9) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Distance of a point from the outline of a figure with radius 1 around the origin; negative inside. */
type Figure = (x: number, y: number) => number;

const circle: Figure = (x, y) => Math.hypot(x, y) - 1;
const square: Figure = (x, y) => Math.max(Math.abs(x), Math.abs(y)) - 0.8;
const cross: Figure = (x, y) =>
  Math.max(Math.min(Math.abs(x), Math.abs(y)) - 0.3, Math.max(Math.abs(x), Math.abs(y)) - 1);
const ring: Figure = (x, y) => Math.abs(Math.hypot(x, y) - 0.75) - 0.25;
/** Regular shapes with corners at 1 and edges that come as near as `inner` to the middle. */
const corners =
  (count: number, inner: number): Figure =>
  (x, y) => {
    const sector = (2 * Math.PI) / count;
    const turn = Math.abs((((Math.atan2(y, x) % sector) + 1.5 * sector) % sector) - sector / 2);
    // The edge from the corner at angle sector / 2 to the middle of the edge at angle 0, or the notch of a star.
    const [px, py] = [Math.hypot(x, y) * Math.cos(turn), Math.hypot(x, y) * Math.sin(turn)];
    const [ex, ey] = [Math.cos(sector / 2) - inner, Math.sin(sector / 2)];
    return ((px - inner) * ey - py * ex) / Math.hypot(ex, ey);
  };

const figures: Readonly<Record<(typeof classNames)[number], Figure>> = {
  circle,
  square,
  triangle: corners(3, 0.5),
  star: corners(5, 0.4),
  cross,
  ring,
};

export interface Batch {
  /** Images [N, side, side, 3], from -1 to 1. */
  readonly images: Float32Array;
  /** Classes [N]. */
  readonly labels: Int32Array;
}

/** Draws a batch of images with random classes. */
export function drawBatch(count: number, random: Random): Batch {
  const images = new Float32Array(count * side * side * 3);
  const labels = Int32Array.from({ length: count }, () => Math.floor(random() * classNames.length));
  for (const [i, label] of labels.entries()) {
    draw(images.subarray(i * side * side * 3, (i + 1) * side * side * 3), figures[classNames[label]!], random);
  }
  return { images, labels };
}

function draw(pixels: Float32Array, figure: Figure, random: Random): void {
  const radius = side * (0.25 + 0.17 * random());
  const [left, top] = [0, 1].map(() => radius + (side - 2 * radius) * random()) as [number, number];
  const angle = 1.2 * (random() - 0.5);
  const [cos, sin] = [Math.cos(angle) / radius, Math.sin(angle) / radius];
  const background = [random(), random(), random()].map((value) => 0.8 * value - 1);
  const colour = [random(), random(), random()].map((value) => 0.1 + 0.9 * value);
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const [x, y] = [column + 0.5 - left, row + 0.5 - top];
      const distance = figure(x * cos + y * sin, y * cos - x * sin) * radius;
      const cover = Math.min(1, Math.max(0, 0.5 - distance));
      const noise = 0.15 * (random() - 0.5);
      for (let channel = 0; channel < 3; channel++) {
        const value = background[channel]! + cover * (colour[channel]! - background[channel]!) + noise;
        pixels[(row * side + column) * 3 + channel] = Math.min(1, Math.max(-1, value));
      }
    }
  }
}
