/** Charts: markup, scales, axes and marks. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  barChart,
  contactSheet,
  createScale,
  element,
  escapeText,
  lineChart,
  lossChart,
  paper,
  percent,
  pixelUri,
  seriesColours,
  seriesStyle,
  shortNumber,
  smooth,
  thin,
} from "../../src/report/index.js";
import { elementsNamed, expectSelfContained, type ParsedElement, parseXml, textOf } from "./well-formed.js";

function parseChart(svg: string): ParsedElement {
  const root = parseXml(svg);
  expect(root.name).toBe("svg");
  expect(root.attributes["xmlns"]).toBe("http://www.w3.org/2000/svg");
  expectSelfContained(root);
  return root;
}

const texts = (root: ParsedElement) => elementsNamed(root, "text").map(textOf);

/** Text must lie inside the drawing, measured as the charts themselves estimate it. */
function expectTextInside(root: ParsedElement) {
  const [, , width, height] = root.attributes["viewBox"]!.split(" ").map(Number) as [number, number, number, number];
  const visit = (node: ParsedElement, dx: number, dy: number) => {
    const moved = /translate\((\S+) (\S+)\)/.exec(node.attributes["transform"] ?? "");
    const x0 = dx + Number(moved?.[1] ?? 0);
    const y0 = dy + Number(moved?.[2] ?? 0);
    if (node.name === "text") {
      const x = x0 + Number(node.attributes["x"]);
      const y = y0 + Number(node.attributes["y"]);
      const length = textOf(node).length * Number(node.attributes["font-size"] ?? 12) * 0.5;
      const start = { start: 0, middle: length / 2, end: length }[node.attributes["text-anchor"] ?? "start"]!;
      expect(x - start, textOf(node)).toBeGreaterThanOrEqual(-2);
      expect(x - start + length, textOf(node)).toBeLessThanOrEqual(width + 8);
      expect(y).toBeGreaterThan(0);
      expect(y).toBeLessThanOrEqual(height);
    }
    for (const child of node.children) if (typeof child !== "string") visit(child, x0, y0);
  };
  visit(root, 0, 0);
}

describe("markup", () => {
  it("escapes text and attributes, and survives every string", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const root = parseXml(element("p", { title: text }, text).markup);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: what XML cannot hold
        const expected = text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu, "\ufffd");
        expect(textOf(root)).toBe(expected);
        expect(root.attributes["title"]).toBe(expected);
      }),
    );
    expect(escapeText(`<script>alert("&'")</script>`)).toBe(
      "&lt;script&gt;alert(&quot;&amp;&#39;&quot;)&lt;/script&gt;",
    );
  });

  it("refuses coordinates that are not finite", () => {
    expect(() => element("line", { x1: Number.NaN })).toThrow(/x1 is NaN/);
  });
});

describe("scales", () => {
  it("places nice ticks that enclose the data", () => {
    const scale = createScale({ domain: [0.13, 2.31], range: [0, 100] });
    expect(scale.domain).toEqual([0, 2.5]);
    expect(scale.ticks).toEqual([0, 0.5, 1, 1.5, 2, 2.5]);
    expect(scale.ticks.map(scale.label)).toEqual(["0", "0.5", "1.0", "1.5", "2.0", "2.5"]);
    expect(scale.map(1.25)).toBe(50);
    const shares = createScale({ domain: [0, 0.97], range: [0, 1], format: "percent" });
    expect(shares.ticks.map(shares.label)).toEqual([
      "0\u00a0%",
      "20\u00a0%",
      "40\u00a0%",
      "60\u00a0%",
      "80\u00a0%",
      "100\u00a0%",
    ]);
  });

  it("uses decades, or 1, 2, 5 within them, on a logarithmic axis", () => {
    const wide = createScale({ domain: [2e-6, 1e-3], range: [0, 300], type: "log" });
    expect(wide.ticks.map(wide.label)).toEqual(["10⁻⁶", "10⁻⁵", "10⁻⁴", "10⁻³"]);
    expect(wide.map(1e-5)).toBeCloseTo(100, 9);
    const shots = createScale({ domain: [1, 100], range: [0, 1], type: "log" });
    expect(shots.ticks).toEqual([1, 2, 5, 10, 20, 50, 100]);
    expect(() => createScale({ domain: [0, 1], range: [0, 1], type: "log" })).toThrow(/cannot show 0/);
  });

  it("has the ticks of a linear axis on a logarithmic one over less than a factor of two", () => {
    const narrow = createScale({ domain: [0.757, 0.842], range: [0, 1], type: "log", format: "percent" });
    expect(narrow.ticks.map(narrow.label)).toEqual(
      ["74", "76", "78", "80", "82", "84", "86"].map((one) => `${one}\u00a0%`),
    );
    expect(narrow.map(Math.sqrt(0.74 * 0.86))).toBeCloseTo(0.5, 9);
  });

  it("any data lies within the range, ticks ascend and read differently", () => {
    const value = fc.double({ min: -1e6, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(value, value, fc.integer({ min: 2, max: 12 }), (a, b, ticks) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)];
        fc.pre(high === low || high - low > Math.abs(high) * 1e-6 + 1e-9);
        const scale = createScale({ domain: [low, high], range: [0, 1], ticks });
        for (const v of [low, high]) {
          expect(scale.map(v)).toBeGreaterThanOrEqual(-1e-6);
          expect(scale.map(v)).toBeLessThanOrEqual(1 + 1e-6);
        }
        expect(scale.ticks.length).toBeGreaterThanOrEqual(2);
        expect(scale.ticks.length).toBeLessThanOrEqual(ticks + 3);
        expect(new Set(scale.ticks).size).toBe(scale.ticks.length);
      }),
    );
    expect(createScale({ domain: [3, 3], range: [0, 1] }).map(3)).toBeGreaterThan(0);
    expect(() => createScale({ domain: [Number.NaN, 1], range: [0, 1] })).toThrow(/domain \[NaN, 1\]/);
  });

  it("writes numbers shortly", () => {
    expect([2.5e9, 2e12, 6.4e15, 1e18].map((v) => shortNumber(v))).toEqual(["2.5G", "2T", "6.4P", "1E"]);
    expect([0, 5, 1234, 12_000, 3_500_000, 0.25, 0.002, 0.00001, 3e-5, -0.5].map((v) => shortNumber(v))).toEqual([
      "0",
      "5",
      "1230",
      "12k",
      "3.5M",
      "0.25",
      "0.002",
      "10⁻⁵",
      "3·10⁻⁵",
      "-0.5",
    ]);
    expect(percent(0.6234)).toBe("62.3\u00a0%");
  });
});

describe("palette", () => {
  const luminance = (hex: string) => {
    const [r, g, b] = [1, 3, 5].map((i) => {
      const c = Number.parseInt(hex.slice(i, i + 2), 16) / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    }) as [number, number, number];
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };

  it("every series colour has a contrast of 3:1 on light and on dark paper", () => {
    for (const colour of seriesColours) {
      for (const background of Object.values(paper)) {
        const [dark, light] = [luminance(colour), luminance(background)].sort((a, b) => a - b) as [number, number];
        expect((light + 0.05) / (dark + 0.05), `${colour} on ${background}`).toBeGreaterThanOrEqual(3);
      }
    }
  });

  it("twelve series look different from one another", () => {
    expect(new Set(Array.from({ length: 12 }, (_, i) => JSON.stringify(seriesStyle(i)))).size).toBe(12);
  });
});

describe("line chart", () => {
  const series = [
    {
      name: "ViT & friends",
      points: [
        { x: 1, y: 0.2, low: 0.1, high: 0.3 },
        { x: 10, y: 0.5, low: 0.45, high: 0.55 },
      ],
    },
    {
      name: "raw <pixels>",
      uncertainty: "bars" as const,
      points: [
        { x: 1, y: 0.15, low: 0.1, high: 0.2 },
        { x: 10, y: 0.3 },
      ],
    },
  ];

  it.each([350, 720])("draws series, legend, axes, uncertainty and chance inside %i pixels", (width) => {
    const svg = lineChart({
      title: "Few-shot",
      description: "Accuracy over shots",
      width,
      series,
      x: { label: "shots", scale: "log" },
      y: { label: "accuracy", format: "percent", include: [0] },
      references: [{ value: 0.1, label: "chance" }],
    });
    const root = parseChart(svg);
    expect(root.attributes["aria-label"]).toBe("Accuracy over shots");
    expect(texts(root)).toEqual(
      expect.arrayContaining([
        "Few-shot",
        "ViT & friends",
        "raw <pixels>",
        "shots",
        "accuracy",
        "chance",
        "1",
        "10",
        "0\u00a0%",
      ]),
    );
    expectTextInside(root);
    const strokes = elementsNamed(root, "path").map(({ attributes }) => attributes["stroke"]);
    expect(strokes).toContain(seriesColours[0]);
    expect(strokes).toContain(seriesColours[1]);
    expect(elementsNamed(root, "path").filter(({ attributes }) => attributes["fill-opacity"] === "0.16")).toHaveLength(
      1,
    );
    expect(elementsNamed(root, "title").map(textOf)).toContain("ViT & friends: 0.5 at 10");
  });

  it.each([
    [350, ["Few-shot accuracy over upstream", "images, mean of 3 sizes"]],
    [720, ["Few-shot accuracy over upstream images, mean of 3 sizes"]],
  ])("breaks a title that is wider than %i pixels between words", (width, lines) => {
    const svg = lineChart({
      title: "Few-shot accuracy over upstream images, mean of 3 sizes",
      description: "",
      width,
      series,
      x: { label: "images" },
      y: { label: "accuracy" },
    });
    const root = parseChart(svg);
    const titles = elementsNamed(root, "text").filter(({ attributes }) => attributes["font-weight"] === "600");
    expect(titles.map(textOf)).toEqual(lines);
    expectTextInside(root);
  });

  it("breaks a line at NaN and keeps lone points", () => {
    const points = [1, 2, Number.NaN, 4, Number.NaN, 6, 7].map((y, x) => ({ x, y }));
    const root = parseChart(lineChart({ description: "", series: [{ name: "loss", points, markers: false }] }));
    const lines = elementsNamed(root, "path").map(({ attributes }) => attributes["d"]!);
    expect(lines).toHaveLength(3);
    expect(lines.map((d) => d.match(/[ML]/g)!.join(""))).toEqual(["ML", "M", "ML"]);
    expect(texts(root)).not.toContain("loss"); // one series needs no legend
  });

  it("draws a hundred thousand points, and says when there are none", () => {
    const points = Array.from({ length: 100_000 }, (_, x) => ({ x, y: Math.sin(x) }));
    parseChart(lineChart({ description: "", series: [{ name: "a", points }] }));
    expect(() => lineChart({ description: "", series: [{ name: "a", points: [] }] })).toThrow(/every series is empty/);
    expect(() => lineChart({ description: "", width: 50, series: [{ name: "a", points: [{ x: 0, y: 0 }] }] })).toThrow(
      /too few/,
    );
  });
});

describe("loss chart", () => {
  const loss = Array.from({ length: 400 }, (_, step) => ({ step, value: 2.3 * 0.99 ** step + 0.2 * (-1) ** step }));

  it("shows each step, the smoothed course, validation and chance", () => {
    const root = parseChart(
      lossChart({
        loss,
        validation: [
          { step: 100, value: 1 },
          { step: 399, value: 0.5 },
        ],
        chance: Math.log(10),
      }),
    );
    expect(texts(root)).toEqual(
      expect.arrayContaining(["each step", "training, smoothed", "validation", "knowing nothing", "step", "loss"]),
    );
    expect(root.attributes["aria-label"]).toMatch(/^Training loss from 2\.\d\d to 0\.0\d over 400 steps$/);
  });

  it("needs no smoothing for a short run", () => {
    const root = parseChart(lossChart({ loss: loss.slice(0, 10) }));
    expect(texts(root)).not.toContain("each step");
  });

  it("smooths without delay and without pulling the ends to zero", () => {
    const line = Array.from({ length: 101 }, (_, step) => ({ step, value: 5 + step }));
    const course = smooth(line, 0.8);
    expect(course[50]!.value).toBeCloseTo(55, 6);
    expect(smooth([{ step: 0, value: 7 }], 0.9)).toEqual([{ step: 0, value: 7 }]);
    const gap = smooth(
      [
        { step: 0, value: 1 },
        { step: 1, value: Number.NaN },
        { step: 2, value: 1 },
      ],
      0.5,
    );
    expect(gap.map(({ step }) => step)).toEqual([0, 2]);
    for (const { value } of gap) expect(value).toBeCloseTo(1, 12);
  });

  it("thins without losing a spike", () => {
    const values = Array.from({ length: 10_000 }, (_, step) => ({ step, value: step === 7777 ? 50 : Math.sin(step) }));
    const kept = thin(values, 300);
    expect(kept.length).toBeLessThanOrEqual(302);
    expect(kept).toContainEqual({ step: 7777, value: 50 });
    expect(kept.every(({ step }, i) => i === 0 || step > kept[i - 1]!.step)).toBe(true);
    expect(thin(values.slice(0, 5), 300)).toEqual(values.slice(0, 5));
  });
});

describe("bar chart", () => {
  const options = {
    description: "Accuracy beside chance",
    groups: ["clothes", "hand signs", "counting objects on a plane"],
    series: [
      {
        name: "ours",
        values: [0.71, 0.88, null],
        intervals: [[0.68, 0.74], null, null] as ([number, number] | null)[],
      },
      { name: "raw pixels", values: [0.49, 0.65, 0.4], hollow: true },
    ],
    reference: { label: "chance", values: [1 / 3, 0.1, 1 / 3] },
    format: "percent" as const,
    yLabel: "accuracy",
  };

  it.each([350, 720])("draws bars to scale with values, intervals and chance inside %i pixels", (width) => {
    const root = parseChart(barChart({ ...options, width }));
    const values =
      width < 400
        ? ["71\u00a0%", "88\u00a0%", "49\u00a0%", "65\u00a0%"]
        : ["71.0\u00a0%", "88.0\u00a0%", "49.0\u00a0%"];
    expect(texts(root)).toEqual(expect.arrayContaining(["ours", "raw pixels", "chance", "clothes", ...values]));
    expectTextInside(root);
    // The legend has one swatch a series; the other rectangles are bars, by group.
    const bars = elementsNamed(root, "rect").slice(2);
    expect(bars).toHaveLength(5);
    const height = (i: number) => Number(bars[i]!.attributes["height"]);
    expect(height(0) / height(2)).toBeCloseTo(0.71 / 0.88, 2);
    expect(height(1) / height(0)).toBeCloseTo(0.49 / 0.71, 2);
    expect(elementsNamed(root, "title").map(textOf)).toContain(
      `ours, clothes: ${width < 400 ? "71" : "71.0"}\u00a0% (0.680 to 0.740)`,
    );
    const dashed = elementsNamed(root, "line").filter(({ attributes }) => attributes["stroke-dasharray"]);
    expect(dashed).toHaveLength(4); // the legend's and one a group
    const level = dashed.slice(1).map(({ attributes }) => Number(attributes["y1"]));
    expect(level[0]).toBe(level[2]);
    expect(level[1]).toBeGreaterThan(level[0]!);
  });

  it("draws below zero too, and names what does not fit", () => {
    parseChart(barChart({ description: "", groups: ["a"], series: [{ name: "change", values: [-0.2] }] }));
    expect(() => barChart({ ...options, series: [{ name: "ours", values: [1] }] })).toThrow(
      /"ours" has 1 values for 3 groups/,
    );
    expect(() => barChart({ ...options, series: [{ name: "ours", values: [null, null, null] }] })).toThrow(
      /no finite value/,
    );
  });
});

describe("contact sheet", () => {
  const source = pixelUri({ data: Uint8Array.of(255, 0, 0), width: 1, height: 1, channels: 3 });

  it("lays pictures out in rows with captions cut to their cell", () => {
    const pictures = Array.from({ length: 7 }, (_, i) => ({
      source,
      alt: `filter ${i}`,
      caption: i === 0 ? "a caption far too long for its cell" : `${i}`,
    }));
    const root = parseChart(
      contactSheet({ description: "filters", title: "Filters", pictures, columns: 3, cell: 60, pixelated: true }),
    );
    const images = elementsNamed(root, "image");
    expect(images).toHaveLength(7);
    expect(new Set(images.map(({ attributes }) => attributes["x"]))).toEqual(new Set(["0", "68", "136"]));
    expect(new Set(images.map(({ attributes }) => attributes["y"])).size).toBe(3);
    const caption = texts(root)[1]!;
    expect(caption).toMatch(/^a cap.*…$/);
    const last = images.at(-1)!.attributes;
    expect(Number(last["y"]) + Number(last["height"])).toBeLessThan(Number(root.attributes["height"]));
  });

  it("takes embedded pictures only", () => {
    expect(() =>
      contactSheet({ description: "", pictures: [{ source: "https://example.org/a.png", alt: "a cat" }] }),
    ).toThrow(/picture "a cat": source https:\/\/example.org\/a.png is no data URI/);
    expect(() => contactSheet({ description: "", pictures: [] })).toThrow(/no picture/);
  });
});
