/** Laying thumbnails over each other: known crops, shifts and changes of contrast are found again, other pictures are not. */
import { expect, test } from "vitest";
import { align, nearDuplicateScore, prepareThumbnail, scoreOf } from "../../src/dedup/index.js";
import { createRandom } from "../../src/random/keyed.js";

const side = 32;

/** A picture that can be looked at anywhere: waves and a few edges. */
function scene(seed: number): (x: number, y: number) => number {
  const random = createRandom("scene", seed);
  const waves = Array.from({ length: 10 }, () => [
    random.range(-0.35, 0.35),
    random.range(-0.35, 0.35),
    random.range(0, 6),
  ]);
  const boxes = Array.from({ length: 5 }, () => [
    random.range(4, 28),
    random.range(4, 28),
    random.range(3, 8),
    random.range(-60, 60),
  ]);
  return (x, y) => {
    let value = 128;
    for (const [fx, fy, phase] of waves) value += 14 * Math.sin(fx! * x + fy! * y + phase!);
    for (const [cx, cy, radius, level] of boxes)
      value += level! / (1 + Math.exp(2 * (Math.max(Math.abs(x - cx!), Math.abs(y - cy!)) - radius!)));
    return value;
  };
}

/** What is seen through a window: pixel (x, y) shows (x - 15.5) * scale + 15.5 + shift. */
function seen(picture: (x: number, y: number) => number, sx: number, sy: number, dx: number, dy: number): Float64Array {
  return Float64Array.from({ length: side * side }, (_, at) =>
    picture(((at % side) - 15.5) * sx + 15.5 + dx, (Math.floor(at / side) - 15.5) * sy + 15.5 + dy),
  );
}

test.each([
  ["nothing", 1, 1, 0, 0],
  ["a shift", 1, 1, 3, -2],
  ["a crop at the side", 0.8, 0.8, 3, 3],
  ["a crop of another aspect", 0.75, 0.9, -2, 1],
  ["a wider view", 1.25, 1.25, 1, 0],
])("finds %s again, at another contrast", (_, sx, sy, dx, dy) => {
  for (let seed = 0; seed < 4; seed++) {
    const picture = scene(seed);
    const whole = seen(picture, 1, 1, 0, 0);
    const part = seen(picture, sx, sy, dx, dy).map((value) => 40 + 0.6 * value);
    const found = align(prepareThumbnail(whole), prepareThumbnail(part));
    expect(found.scaleX).toBeCloseTo(sx, 1);
    expect(found.scaleY).toBeCloseTo(sy, 1);
    expect(Math.abs(found.shiftX - dx)).toBeLessThan(0.4);
    expect(Math.abs(found.shiftY - dy)).toBeLessThan(0.4);
    expect(found.luminance).toBeGreaterThan(0.97);
    // Edges as sharp as these lose detail where they are resampled.
    expect(scoreOf(found)).toBeGreaterThan(nearDuplicateScore - 0.05);
  }
});

test("other pictures reach no score", () => {
  for (let seed = 0; seed < 30; seed++) {
    const [a, b] = [seed, seed + 100].map((one) => prepareThumbnail(seen(scene(one), 1, 1, 0, 0)));
    expect(scoreOf(align(a!, b!))).toBeLessThan(nearDuplicateScore);
  }
});

test("flat pictures have nothing to compare", () => {
  const flat = prepareThumbnail(new Float64Array(side * side).fill(90));
  expect(scoreOf(align(flat, flat))).toBeLessThan(nearDuplicateScore);
});
