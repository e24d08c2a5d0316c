/** Tables of bars. */
import { describe, expect, it, test } from "vitest";
import { barTable } from "../../src/report/index.js";
import { elementsNamed, expectSelfContained, parseXml, textOf } from "./well-formed.js";

const options = {
  description: "Cost of layers",
  rows: ["patches", "block <0>", "a name that is much too long for its column"],
  columns: [
    { title: "time", values: [1, 4, 2], format: (value: number) => `${value} ms`, total: "7 ms" },
    { title: "largest activation", values: [0, 0, 0], format: String },
  ],
};

describe("bar table", () => {
  it.each([350, 720])("draws values, bars to scale and totals inside %i pixels", (width) => {
    const root = parseXml(barTable({ ...options, width }));
    expectSelfContained(root);
    const texts = elementsNamed(root, "text").map(textOf);
    expect(texts).toEqual(expect.arrayContaining(["time", "patches", "block <0>", "4 ms", "total", "7 ms"]));
    expect(texts.some((text) => text.startsWith("a name") && (width > 700 || text.endsWith("…")))).toBe(true);
    const bars = elementsNamed(root, "rect").map(({ attributes }) => ({
      x: Number(attributes["x"]),
      width: Number(attributes["width"]),
    }));
    expect(bars).toHaveLength(6);
    const [first, second, third] = bars.map((bar) => bar.width);
    expect((second ?? 0) / (first ?? 1)).toBeCloseTo(4, 1);
    expect((second ?? 0) / (third ?? 1)).toBeCloseTo(2, 1);
    for (const bar of bars) expect(bar.x + bar.width).toBeLessThanOrEqual(width);
    // a column of zeros has no bars to see
    expect(bars.slice(3).every((bar) => bar.width === 0.5)).toBe(true);
    const height = Number(root.attributes["height"]);
    for (const one of elementsNamed(root, "text")) expect(Number(one.attributes["y"])).toBeLessThan(height);
  });

  test("refuses columns that do not fit the rows, and values below 0", () => {
    const column = { title: "time", format: String };
    expect(() => barTable({ ...options, columns: [{ ...column, values: [1] }] })).toThrow(
      /"time" has the values \[1\] for 3 rows/,
    );
    expect(() => barTable({ ...options, columns: [{ ...column, values: [1, -1, 0] }] })).toThrow(/at least 0/);
  });
});
