/** Colours of maps, and contact sheets with groups, other aspects and a bar of the colours. */
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { colourOf, contactSheet, mapUri, pixelUri } from "../../src/report/index.js";
import { elementsNamed, parseXml, textOf } from "./well-formed.js";

const bytesOf = (uri: string) => Buffer.from(uri.slice(uri.indexOf(",") + 1), "base64");

describe("colourOf", () => {
  test("has the ends and the middle of its scale, and keeps numbers outside within it", () => {
    const amounts = { kind: "sequential", range: [0, 4] } as const;
    expect([0, 2, 4, 9].map((value) => colourOf(value, amounts))).toEqual([
      [68, 1, 84],
      [33, 145, 140],
      [253, 231, 37],
      [253, 231, 37],
    ]);
    const signed = { kind: "diverging", range: [-1, 1] } as const;
    expect(colourOf(0, signed)).toEqual([245, 245, 245]);
    expect(colourOf(-1, signed)[2]).toBeGreaterThan(colourOf(-1, signed)[0]);
    expect(colourOf(Number.NaN, signed)).toEqual([128, 128, 128]);
    expect(colourOf(3, { kind: "sequential", range: [3, 3] })).toEqual([68, 1, 84]);
  });

  test("of amounts becomes lighter with the number, so that it is read without colour", () => {
    const lightness = Array.from({ length: 21 }, (_, i) => {
      const [r, g, b] = colourOf(i / 20, { kind: "sequential", range: [0, 1] });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    });
    for (const [i, value] of lightness.entries()) expect(value).toBeGreaterThan(lightness[i - 1] ?? -1);
  });
});

test("mapUri has a pixel for each number, row by row", async () => {
  const uri = mapUri([0, 1, 2, 0, 1, 2], 2, 3, { kind: "sequential", range: [0, 2] });
  const { data, info } = await sharp(bytesOf(uri)).raw().toBuffer({ resolveWithObject: true });
  expect([info.height, info.width]).toEqual([2, 3]);
  expect([...data.subarray(9, 18)]).toEqual([68, 1, 84, 33, 145, 140, 253, 231, 37]);
});

describe("contact sheet", () => {
  const source = pixelUri({ data: Uint8Array.of(255, 0, 0), width: 1, height: 1, channels: 3 });
  const pictures = Array.from({ length: 6 }, (_, i) => ({ source, alt: `${i}` }));
  const placesOf = (svg: string) =>
    elementsNamed(parseXml(svg), "image").map(({ attributes }) => [attributes["x"], attributes["y"]]);

  test("begins a new row with each group, and has cells of another aspect", () => {
    const svg = contactSheet({ description: "", pictures, columns: 2, cell: 40, group: 3, aspect: 0.5 });
    expect(placesOf(svg)).toEqual([
      ["0", "0"],
      ["48", "0"],
      ["0", "28"],
      ["0", "56"],
      ["48", "56"],
      ["0", "84"],
    ]);
    expect(parseXml(svg).attributes["height"]).toBe("104");
  });

  test("states the ends of the colours and what they mean above the images", () => {
    const scale = { kind: "sequential", range: [0, 0.125], name: "attention" } as const;
    const root = parseXml(contactSheet({ description: "", pictures, columns: 6, cell: 40, scale }));
    expect(elementsNamed(root, "text").map(textOf)).toEqual(["0", "attention", "0.13"]);
    const [bar, first] = elementsNamed(root, "image");
    expect(bar?.attributes["preserveAspectRatio"]).toBe("none");
    expect(Number(first?.attributes["y"])).toBeGreaterThan(30);
  });
});
