/** Position embeddings on other grids: golden values of papers.md 12.3 and of PyTorch, and what every convention keeps. */
import { describe, expect, test } from "vitest";
import { type PositionResize, positionResizes, resizeLine, resizePositions } from "../../src/weights/index.js";

const conventions = Object.keys(positionResizes) as PositionResize[];
const close = (actual: ArrayLike<number>, expected: readonly number[], digits = 5) => {
  expect(actual.length).toBe(expected.length);
  expected.forEach((value, i) => {
    expect(actual[i], `at ${i}`).toBeCloseTo(value, digits);
  });
};

describe("golden values", () => {
  const line = Float32Array.from([0, 1, 2, 3]);
  test("papers.md 12.3", () => {
    close(resizeLine(line, 4, 6, "original"), [0, 0.6, 1.2, 1.8, 2.4, 3]);
    close(resizeLine(line, 4, 6, "timm-npz"), [0, 0.5, 7 / 6, 11 / 6, 2.5, 3]);
    close(resizeLine(Float32Array.from([0, 1, 4]), 3, 5, "original"), [0, 0.5, 1, 2.5, 4]);
  });

  test("scipy.ndimage.zoom of order 1, which the original code calls, on a grid of 2 x 3 (SciPy 1.17)", () => {
    const resized = resizePositions(
      Float32Array.from([0, 3, 1, 2, -4, 5]),
      6,
      { rows: 2, columns: 3 },
      { rows: 4, columns: 5 },
      "original",
    );
    const scipy = [
      0, 1.5, 3, 2, 1, 0.666667, 0.666667, 0.666667, 1.5, 2.333333, 1.333333, -0.166667, -1.666667, 1, 3.666667, 2, -1,
      -4, 0.5, 5,
    ];
    close(resized, scipy);
  });

  test("the cubic kernels by hand", () => {
    // to twice the size a centre lies a quarter beside an entry; a = -0.75, clamped: weights of 1.25, 0.25, 0.75, 1.75
    const weight = (x: number, a: number) =>
      x < 1 ? (a + 2) * x ** 3 - (a + 3) * x ** 2 + 1 : a * x ** 3 - 5 * a * x ** 2 + 8 * a * x - 4 * a;
    const [w0, w1, w2, w3] = [1.25, 0.25, 0.75, 1.75].map((x) => weight(x, -0.75)) as [number, number, number, number];
    // place 3 of 8 lies at 1.25: entries 0, 1, 2, 3
    close([resizeLine(line, 4, 8, "huggingface")[3]!], [w0 * 0 + w1 * 1 + w2 * 2 + w3 * 3]);
    // place 0 lies at -0.25: entries -2, -1, 0, 1, the first three clamped to 0
    close([resizeLine(line, 4, 8, "huggingface")[0]!], [weight(1.25, -0.75)]);
    // antialiased, a = -0.5, and what lies outside is left out: place 0 has entries 0 (0.25 away) and 1 (1.25 away)
    const [near, far] = [weight(0.25, -0.5), weight(1.25, -0.5)];
    close([resizeLine(line, 4, 8, "timm")[0]!], [far / (near + far)]);
    // to half the size the kernel is twice as wide: place 0 is centred between entries 0 and 1
    const wide = [0.25, 0.25, 0.75, 1.25].map((x) => weight(x, -0.5));
    const total = wide.reduce((a, b) => a + b, 0);
    close([resizeLine(line, 4, 2, "timm")[0]!], [wide.reduce((sum, w, i) => sum + w * i, 0) / total]);
  });
});

describe.each(conventions)("%s", (method) => {
  test("the same grid changes nothing", () => {
    const table = Float32Array.from({ length: 6 * 3 }, (_, i) => Math.sin(i));
    close(resizePositions(table, 6, { rows: 2, columns: 3 }, { rows: 2, columns: 3 }, method), [...table], 6);
  });

  test.each([
    [2, 3, 5, 4],
    [4, 4, 2, 7],
    [1, 5, 3, 1],
    [6, 2, 1, 1],
  ])("%i x %i to %i x %i: a constant stays one, the class token stays", (r, c, rows, columns) => {
    const table = new Float32Array((r * c + 1) * 2).fill(0.5);
    table.set([7, -7]);
    const resized = resizePositions(table, r * c + 1, { rows: r, columns: c }, { rows, columns }, method);
    close(resized, [7, -7, ...Array<number>(rows * columns * 2).fill(0.5)], 6);
  });

  test("rows and columns are not mixed up", () => {
    // the value is the row: every row of the result is constant, and rows rise
    const table = Float32Array.from({ length: 4 * 3 }, (_, i) => Math.floor(i / 3));
    const resized = resizePositions(table, 12, { rows: 4, columns: 3 }, { rows: 8, columns: 5 }, method);
    for (let row = 0; row < 8; row++) {
      const values = resized.slice(row * 5, row * 5 + 5);
      close(values, Array<number>(5).fill(values[0]!), 5);
      if (row > 0) expect(values[0]).toBeGreaterThan(resized[(row - 1) * 5]!);
    }
  });

  test("mirrored in, mirrored out", () => {
    const line = Float32Array.from([3, -1, 4, 1, -5]);
    const there = resizeLine(line, 5, 8, method);
    close(resizeLine(line.slice().reverse(), 5, 8, method), [...there].reverse(), 6);
  });
});

test("a table of another grid is refused", () => {
  const resize = () =>
    resizePositions(new Float32Array(20), 10, { rows: 2, columns: 4 }, { rows: 3, columns: 3 }, "timm");
  expect(resize).toThrow(/has 10 rows; expected 8 for a grid of 2 x 4, or one more/);
});
