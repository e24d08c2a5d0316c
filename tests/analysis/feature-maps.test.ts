/** Principal components of feature maps as colours. */
import { describe, expect, test } from "vitest";
import { colouredMaps, evenly, featureMaps, openSubject } from "../../src/analysis/index.js";
import { createRandom } from "../../src/random/keyed.js";

/** Positions whose features are three signals of falling strength along fixed orthogonal directions. */
function positions(count: number, channels: number) {
  const random = createRandom("feature maps", "positions");
  const signals = Array.from({ length: count }, () => [9, 4, 1].map((strength) => strength * (random.uniform() - 0.5)));
  const data = new Float64Array(count * channels);
  for (const [p, signal] of signals.entries()) {
    // directions (1, 1, 0, ...), (1, -1, 0, ...), (0, 0, 1, ...) of lengths sqrt(2), sqrt(2), 1, and an offset
    const [a = 0, b = 0, c = 0] = signal;
    data.set([5 + a + b, a - b, c - 2], p * channels);
  }
  return { signals, rows: { data, rows: count, columns: channels } };
}

/** Correlation coefficient. */
function correlation(x: readonly number[], y: readonly number[]): number {
  const mean = (v: readonly number[]) => v.reduce((sum, value) => sum + value, 0) / v.length;
  const [mx, my] = [mean(x), mean(y)];
  const product = (a: readonly number[], ma: number, b: readonly number[], mb: number) =>
    a.reduce((sum, value, i) => sum + (value - ma) * ((b[i] ?? 0) - mb), 0);
  return product(x, mx, y, my) / Math.sqrt(product(x, mx, x, mx) * product(y, my, y, my));
}

describe("colouredMaps", () => {
  test("shows the strongest signal as red, then green, then blue", async () => {
    const { signals, rows } = positions(600, 7);
    const { colours, explained, fitted } = await colouredMaps(rows);
    expect(fitted).toBe(600);
    expect(explained).toHaveLength(3);
    expect(explained.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);
    for (let c = 0; c < 3; c++) {
      const found = signals.map((_, p) => colours[3 * p + c] ?? 0);
      const own = signals.map((signal) => signal[c] ?? 0);
      // clipping at the 2nd and 98th percentiles keeps it from being exactly linear
      expect(Math.abs(correlation(found, own))).toBeGreaterThan(0.98);
      expect(Math.min(...found)).toBe(0);
      expect(Math.max(...found)).toBe(255);
    }
  });

  test("fits wide features on evenly spaced positions, and colours all of them", async () => {
    const { rows, signals } = positions(1000, 450);
    const { colours, fitted } = await colouredMaps(rows);
    expect(fitted).toBe(400);
    expect(colours).toHaveLength(3000);
    const red = signals.map((_, p) => colours[3 * p] ?? 0);
    expect(
      Math.abs(
        correlation(
          red,
          signals.map(([a = 0]) => a),
        ),
      ),
    ).toBeGreaterThan(0.98);
  });

  test("leaves components that do not exist at 128", async () => {
    const line = { data: Float64Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? i : 1)), rows: 50, columns: 2 };
    const { colours, explained } = await colouredMaps(line);
    expect(explained).toHaveLength(1);
    expect([...colours].filter((_, i) => i % 3 > 0).every((value) => value === 128)).toBe(true);
  });
});

test("evenly keeps the first and the last", () => {
  expect(evenly([0, 1, 2, 3, 4, 5, 6], 4)).toEqual([0, 2, 4, 6]);
  expect(evenly([0, 1], 4)).toEqual([0, 1]);
});

test("maps of a network on images that are not square have the shape of its grid", async () => {
  await using subject = await openSubject("embedded:small", { count: 3, imageSize: [64, 96] });
  const { data, charts } = await featureMaps.run(subject);
  const { layers } = data as { layers: { rows: number; columns: number; explained: number[] }[] };
  expect(layers.map(({ rows, columns }) => [rows, columns])).toEqual(Array(4).fill([4, 6]));
  for (const { explained } of layers) {
    expect(explained).toHaveLength(3);
    expect([...explained].sort((a, b) => b - a)).toEqual(explained);
  }
  // each of the first eight images beside its maps
  expect(charts[0]?.draw(720).match(/<image/g)).toHaveLength(8 * (1 + layers.length));
});
