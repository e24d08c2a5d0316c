/**
 * Iterated function systems: a few affine maps of the plane, each applied with a probability, whose attractor is a fractal.
 *
 * All constants are those of FractalDB (Kataoka et al. 2020, "Pre-training without Natural Images", and its published code;
 * papers.md 10.5).
 */
import type { Random } from "../../../random/keyed.js";

/** Maps (x, y) -> (a x + b y + e, c x + d y + f). */
export interface FractalSystem {
  /** [maps, 6], row-major: a, b, c, d, e, f of every map. */
  readonly coefficients: Float64Array;
  /** Probability of each map, [maps]; they sum to 1. */
  readonly probabilities: Float64Array;
}

/** A system has from 2 to 7 maps. */
const mapCounts = [2, 7] as const;

/** Probabilities of the maps in proportion to their area factor |a d - b c|: the points are then spread evenly over the attractor. */
export function areaProbabilities(coefficients: Float64Array): Float64Array {
  const areas = Float64Array.from({ length: coefficients.length / 6 }, (_, map) => {
    const [a, b, c, d] = coefficients.subarray(6 * map) as unknown as [number, number, number, number];
    return Math.abs(a * d - b * c);
  });
  const sum = areas.reduce((total, area) => total + area, 0);
  return areas.map((area) => area / sum);
}

/** Draws a system like FractalDB's search: 2 to 7 maps, every coefficient uniform on [-1, 1). */
export function drawSystem(random: Random): FractalSystem {
  const maps = mapCounts[0] + random.integer(mapCounts[1] - mapCounts[0] + 1);
  const coefficients = Float64Array.from({ length: 6 * maps }, () => random.range(-1, 1));
  return { coefficients, probabilities: areaProbabilities(coefficients) };
}

/** Multiplies a, b, c, d, e, f of all maps by six factors; the probabilities are unchanged. */
export function weighted(system: FractalSystem, factors: readonly number[]): FractalSystem {
  return { ...system, coefficients: system.coefficients.map((value, i) => value * factors[i % 6]!) };
}

/** Buffer for the points of a chaos game; one created by `createOrbit` can be reused for any number of games. */
export interface Orbit {
  readonly x: Float64Array;
  readonly y: Float64Array;
}

export function createOrbit(points: number): Orbit {
  return { x: new Float64Array(points), y: new Float64Array(points) };
}

/** Number of points dropped before the first one that overflowed, because they diverge already. */
const droppedBeforeOverflow = 100;

/** Entry of the table of maps for numbers that belong to more than one map. */
const several = 255;

/**
 * Plays the chaos game: starting at (0, 0), every point is the image of the previous one under a map drawn by its probability. Fills `orbit`
 * up to point `to` (the origin is the first point) and returns the number of valid points: all of them or, if the system diverges, those up to
 * 100 before the first that is not finite. (The reference waits for the NaN that follows an infinity within a step or two.) A game that was
 * played up to point `from` is continued.
 */
export function chaosGame(
  { coefficients, probabilities }: FractalSystem,
  random: Random,
  { x, y }: Orbit,
  from = 0,
  to = x.length,
): number {
  const last = probabilities.length - 1;
  // Selects the map of a drawn 32-bit number by its highest byte if that is sufficient, because branches on random numbers are slow. The
  // last map takes the remainder due to rounding.
  const bounds = new Float64Array(last);
  let sum = 0;
  for (let map = 0; map < last; map++) {
    sum += probabilities[map]!;
    bounds[map] = sum * 4294967296;
  }
  const mapOf = (drawn: number): number => {
    let map = 0;
    while (map < last && drawn >= bounds[map]!) map++;
    return map;
  };
  const table = new Uint8Array(256);
  for (let byte = 0; byte < 256; byte++) {
    const [low, high] = [mapOf(byte * 16777216), mapOf(byte * 16777216 + 16777215)];
    table[byte] = low === high ? low : several;
  }
  let px = 0;
  let py = 0;
  let i = from;
  if (from === 0) {
    x[0] = 0;
    y[0] = 0;
    i = 1;
  } else {
    px = x[from - 1]!;
    py = y[from - 1]!;
  }
  for (; i < to; i++) {
    const drawn = random.next();
    let map = table[drawn >>> 24]!;
    if (map === several) map = mapOf(drawn);
    const at = 6 * map;
    const nx = coefficients[at]! * px + coefficients[at + 1]! * py + coefficients[at + 4]!;
    py = coefficients[at + 2]! * px + coefficients[at + 3]! * py + coefficients[at + 5]!;
    px = nx;
    // 0 for every finite number, NaN for the others.
    if (px - px + (py - py) !== 0) return Math.max(0, i - droppedBeforeOverflow);
    x[i] = px;
    y[i] = py;
  }
  return to;
}

/**
 * Scales the first `count` coordinates of one axis to pixels 0 .. size - 1 of an image with a margin of `padding` pixels. The smallest
 * coordinate is mapped to `padding`, the largest to `size - padding`, and fractions are truncated.
 */
export function toPixels(
  values: Float64Array,
  count: number,
  size: number,
  padding: number,
  pixels: Uint16Array,
): void {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < count; i++) {
    const value = values[i]!;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const range = high - low;
  const room = size - 2 * padding;
  // If all points have the same coordinate, there is no range to scale by.
  if (range === 0) pixels.fill(padding, 0, count);
  else for (let i = 0; i < count; i++) pixels[i] = ((values[i]! - low) / range) * room + padding;
}
