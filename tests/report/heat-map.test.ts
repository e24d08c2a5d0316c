/** Heat maps: colours, labels and values of cells. */
import { describe, expect, it, test } from "vitest";
import { decodeImage } from "../../src/images/index.js";
import { colourOf, heatMap } from "../../src/report/index.js";
import { elementsNamed, expectSelfContained, type ParsedElement, parseXml, textOf } from "./well-formed.js";

const options = {
  description: "Similarity of layers",
  legend: "CKA",
  rows: ["first", "second"],
  columns: ["a", "b", "c"],
  values: [
    [0, 0.25, 1],
    [null, 0.5, 2],
  ],
  range: [0, 1] as const,
  rowLabel: "rows <of> one",
  columnLabel: "columns",
};

const names = (count: number) => Array.from({ length: count }, (_, i) => `attention ${i}`);
const square = (count: number) => names(count).map((_, i) => names(count).map((_, j) => 1 / (1 + Math.abs(i - j))));
const texts = (root: ParsedElement) => elementsNamed(root, "text").map(textOf);

describe("heat map", () => {
  test("has a pixel for each cell in its colour, grey where there is no value, clipped beyond the range", async () => {
    const root = parseXml(heatMap(options));
    expectSelfContained(root);
    const cells = elementsNamed(root, "image").find(({ attributes }) => attributes["style"]?.includes("pixelated"));
    const bytes = Buffer.from(cells?.attributes["href"]?.split(",")[1] ?? "", "base64");
    const { data, width, height } = await decodeImage({ kind: "encoded", bytes }, "cells");
    expect([width, height]).toEqual([3, 2]);
    const scale = { kind: "sequential", range: [0, 1] } as const;
    const expected = [0, 0.25, 1, Number.NaN, 0.5, 1].flatMap((value) => [...colourOf(value, scale)]);
    expect([...data]).toEqual(expected);
    expect(expected.slice(9, 12)).toEqual([128, 128, 128]);
    // the cells of the picture are square
    const side = (name: string) => Number(cells?.attributes[name]);
    expect(side("width") / 3).toBeCloseTo(side("height") / 2, 1);
  });

  test("writes labels, the ends of the range and the values of large cells", () => {
    const root = parseXml(heatMap(options));
    expect(texts(root)).toEqual(
      expect.arrayContaining([
        "first",
        "second",
        "a",
        "b",
        "c",
        "CKA",
        "0",
        "1",
        "rows <of> one",
        "columns",
        "0.25",
        "2.00",
      ]),
    );
    expect(root.attributes["aria-label"]).toBe("Similarity of layers");
    // black on bright, white on dark cells
    const fill = (value: string) =>
      elementsNamed(root, "text").find((one) => textOf(one) === value)?.attributes["fill"];
    expect([fill("0.00"), fill("1.00")]).toEqual(["#ffffff", "#000000"]);
  });

  it.each([350, 720])(
    "keeps %i pixels for many layers, without values, and leaves out labels that would overlap",
    (width) => {
      const root = parseXml(heatMap({ ...options, width, rows: names(40), columns: names(40), values: square(40) }));
      const [, , w = 0, h = 0] = (root.attributes["viewBox"] ?? "").split(" ").map(Number);
      expect(w).toBe(width);
      const cells = elementsNamed(root, "image").at(-1)?.attributes ?? {};
      expect(Number(cells["x"]) + Number(cells["width"])).toBeLessThanOrEqual(width);
      expect(Number(cells["y"]) + Number(cells["height"])).toBeLessThan(h);
      const rows = elementsNamed(root, "text").filter(
        (one) =>
          textOf(one).startsWith("att") && one.attributes["text-anchor"] === "end" && !one.attributes["transform"],
      );
      const places = rows.map(({ attributes }) => Number(attributes["y"]));
      for (const [i, y] of places.slice(1).entries()) expect(y - (places[i] ?? 0)).toBeGreaterThan(12);
      expect(texts(root)).not.toContain("1.00");
      // labels of columns are upright, under the cells
      expect(
        elementsNamed(root, "text").filter(({ attributes }) => attributes["transform"] === "rotate(-90)").length,
      ).toBe(rows.length);
    },
  );

  test("refuses values that do not match the labels, are not finite, or an empty range", () => {
    expect(() => heatMap({ ...options, rows: ["one"] })).toThrow(/values \[2, 3\] do not match 1 rows and 3 columns/);
    expect(() =>
      heatMap({
        ...options,
        values: [
          [0, 1, Number.NaN],
          [0, 0, 0],
        ],
      }),
    ).toThrow(/not finite/);
    expect(() => heatMap({ ...options, range: [1, 1] })).toThrow(/the smaller first/);
  });
});
