/**
 * Iterated function systems: a few affine maps of the plane, each taken with a probability, whose attractor is a fractal.
 *
 * All constants are those of FractalDB (Kataoka et al. 2020, "Pre-training without Natural Images", and its published code;
 * papers.md 10.5).
 */
import type { Random } from "../../../random/keyed.js";

/** Maps (x, y) -> (a x + b y + e, c x + d y + f). */
export interface FractalSystem {
  /** [maps, 6], row by row: a, b, c, d, e, f of every map. */
  readonly coefficients: Float64Array;
  /** [maps]: how often each map is taken; they add up to 1. */
  readonly probabilities: Float64Array;
}

/** A system has from 2 to 7 maps. */
const mapCounts = [2, 7] as const;

/** Shares of the maps by how much area they keep, |a d - b c|: the points then spread evenly over the attractor. */
export function areaProbabilities(coefficients: Float64Array): Float64Array {
  const areas = Float64Array.from({ length: coefficients.length / 6 }, (_, map) => {
    const [a, b, c, d] = coefficients.subarray(6 * map) as unknown as [number, number, number, number];
    return Math.abs(a * d - b * c);
  });
  const sum = areas.reduce((total, area) => total + area, 0);
  return areas.map((area) => area / sum);
}

/** Draws a system as FractalDB's search does: 2 to 7 maps, every coefficient uniform on [-1, 1). */
export function drawSystem(random: Random): FractalSystem {
  const maps = mapCounts[0] + random.integer(mapCounts[1] - mapCounts[0] + 1);
  const coefficients = Float64Array.from({ length: 6 * maps }, () => random.range(-1, 1));
  return { coefficients, probabilities: areaProbabilities(coefficients) };
}

/** The same system with a, b, c, d, e, f of all its maps multiplied by six factors; the probabilities stay. */
export function weighted(system: FractalSystem, factors: readonly number[]): FractalSystem {
  return { ...system, coefficients: system.coefficients.map((value, i) => value * factors[i % 6]!) };
}

/** Where the points of a chaos game are kept; `createOrbit` makes one, which serves any number of games. */
export interface Orbit {
  readonly x: Float64Array;
  readonly y: Float64Array;
}

export function createOrbit(points: number): Orbit {
  return { x: new Float64Array(points), y: new Float64Array(points) };
}

/** Points that are dropped before the one that has left the numbers: they are on their way to infinity. */
const droppedBeforeOverflow = 100;

/** Entry of the table of maps whose part of the drawn numbers belongs to more than one map. */
const several = 255;

/**
 * Plays the chaos game: from (0, 0) on, every next point is the last one under a map drawn by its probability. Fills `orbit`
 * up to point `to` (the origin is the first point) and returns how many points count: all of them, or, where the system grows
 * without end, those up to 100 before the first that is no finite number. (The reference waits for the NaN that follows an
 * infinity within a step or two.) A game that was played up to point `from` is played on.
 */
export function chaosGame(
  { coefficients, probabilities }: FractalSystem,
  random: Random,
  { x, y }: Orbit,
  from = 0,
  to = x.length,
): number {
  const last = probabilities.length - 1;
  // The map of a drawn 32-bit number: by its highest byte where that is enough, as branches on random numbers are slow; the
  // last map takes whatever rounding leaves.
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
 * Brings the first `count` coordinates of one axis to pixels 0 .. size - 1 of a picture with `padding` pixels of margin: the
 * least coordinate comes to `padding`, the greatest to `size - padding`, fractions are cut off.
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
  // A system whose points all have one coordinate has no range to scale by.
  if (range === 0) pixels.fill(padding, 0, count);
  else for (let i = 0; i < count; i++) pixels[i] = ((values[i]! - low) / range) * room + padding;
}
