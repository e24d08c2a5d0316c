/** The fixed 2-D sine/cosine position embedding (papers.md 1.7 and 12.3). */
import { expect, test } from "vitest";
import { sincos2d } from "../../src/nn/index.js";

test("golden values of a grid of 14 x 14 and width 384", () => {
  const table = sincos2d(14, 14, 384);
  expect(table).toHaveLength(196 * 384);
  const sum = table.reduce((total, value) => total + value, 0);
  const squares = table.reduce((total, value) => total + value * value, 0);
  expect(sum).toBeCloseTo(34742.763012, 3);
  expect(squares).toBeCloseTo(37632, 3); // sin^2 + cos^2 = 1
  const cell = Array.from(table.subarray(15 * 384, 15 * 384 + 3));
  [0.841470985, 0.788028799, 0.733691339].forEach((value, i) => {
    expect(cell[i]).toBeCloseTo(value, 7);
  });
});

test("golden values of width 8 at y = 1, x = 2", () => {
  const table = sincos2d(3, 5, 8);
  const cell = Array.from(table.subarray((1 * 5 + 2) * 8, (1 * 5 + 3) * 8));
  [0.909297427, 0.0002, -0.416146837, 0.99999998, 0.841470985, 0.0001, 0.540302306, 0.999999995].forEach((value, i) => {
    expect(cell[i]).toBeCloseTo(value, 7);
  });
});

test("the first cell is zeros and ones by quarters, and columns move before rows", () => {
  const table = sincos2d(2, 3, 16);
  expect(Array.from(table.subarray(0, 16))).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1]);
  expect(table[16]).toBeCloseTo(Math.sin(1), 6); // cell 1 is x = 1
  expect(table[16 + 8]).toBe(0);
  expect(table[3 * 16]).toBe(0); // cell 3 is y = 1
  expect(table[3 * 16 + 8]).toBeCloseTo(Math.sin(1), 6);
});

test.each([0, 4, 6, 10, 18, 8.5])("width %d is refused", (width) => {
  expect(() => sincos2d(2, 2, width)).toThrow(RangeError);
});
