/** The HTML report: well-formed, self-contained, with every number. */
import { describe, expect, it } from "vitest";
import {
  accuracyTable,
  barChart,
  chartFigure,
  collapsible,
  episodeGallery,
  facts,
  heading,
  htmlReport,
  lossChart,
  paragraph,
  pictureGrid,
  pixelUri,
  table,
  tiles,
  warning,
} from "../../src/report/index.js";
import { elementsNamed, expectSelfContained, parseXml, textOf } from "./well-formed.js";

function picture(red: number, alt: string) {
  return { source: pixelUri({ data: Uint8Array.of(red, 0, 0), width: 1, height: 1, channels: 3 }), alt };
}

const episode = {
  classes: ["hat", "shoes & socks", "<b>shirt</b>"].map((name, c) => ({
    name,
    pictures: Array.from({ length: 5 }, (_, i) => picture(c * 10 + i, `a ${name}, example ${i}`)),
  })),
  queries: Array.from({ length: 9 }, (_, i) => ({
    picture: picture(100 + i, `question ${i}`),
    truth: i % 3,
    guess: i === 4 ? 2 : i % 3,
    scores: [0, 1, 2].map((c) => (c === (i === 4 ? 2 : i % 3) ? 0.5 : -0.5 - i / 100)),
  })),
  visible: 6,
};

const rows = [
  {
    set: "Clothes",
    detail: "photographs",
    accuracy: 0.712,
    interval: [0.68, 0.744] as const,
    chance: 1 / 3,
    rawPixels: 0.49,
  },
  { set: "Counting", accuracy: 0.463, interval: null, chance: 0.25 },
];

function page() {
  return htmlReport({
    title: "First <light> & more",
    lead: "What came out.",
    summary: [tiles([{ label: "time", value: "2 min", detail: "two cores" }])],
    sections: [
      { title: "Accuracy", content: [accuracyTable(rows, "Five shots."), warning("class 3 is small")] },
      {
        title: "Training",
        content: [
          chartFigure(
            (width) =>
              lossChart({
                width,
                loss: [
                  { step: 0, value: 2 },
                  { step: 1, value: 1 },
                ],
              }),
            "It falls.",
          ),
          chartFigure((width) =>
            barChart({ width, description: "bars", groups: ["a"], series: [{ name: "s", values: [1] }] }),
          ),
          facts([
            ["command", "npx fovea quickstart"],
            ["seed", 0],
          ]),
        ],
      },
      { title: "Clothes", content: [heading("One round"), paragraph("A ", "B"), episodeGallery(episode)] },
      {
        title: "",
        content: [
          table([{ title: "k" }, { title: "v", numeric: true }], [["a", 1]], "cap"),
          pictureGrid([picture(1, "x")]),
          collapsible("more", "inside"),
        ],
      },
    ],
    footer: [paragraph("small print")],
  });
}

describe("HTML report", () => {
  it("is one well-formed page that needs nothing from outside", () => {
    const html = page();
    expect(html.startsWith('<!doctype html>\n<html lang="en">')).toBe(true);
    const root = parseXml(html);
    expectSelfContained(root);
    const withoutNamespaces = html.replaceAll('xmlns="http://www.w3.org/2000/svg"', "");
    expect(withoutNamespaces).not.toMatch(/https?:|\/\/[a-z]+\./);
    const policy = elementsNamed(root, "meta").find(
      ({ attributes }) => attributes["http-equiv"] === "Content-Security-Policy",
    );
    expect(policy?.attributes["content"]).toBe("default-src 'none'; img-src data:; style-src 'unsafe-inline'");
    expect(elementsNamed(root, "meta").some(({ attributes }) => attributes["name"] === "viewport")).toBe(true);
    expect(textOf(elementsNamed(root, "title")[0]!)).toBe("First <light> & more");
    for (const image of elementsNamed(root, "img")) expect(image.attributes["alt"]).toBeTruthy();
  });

  it("links every section, by names that do not repeat", () => {
    const root = parseXml(page());
    const ids = elementsNamed(root, "section").map(({ attributes }) => attributes["id"]);
    expect(ids).toEqual(["1-accuracy", "2-training", "3-clothes", "4"]);
    expect(elementsNamed(root, "a").map(({ attributes }) => attributes["href"])).toEqual(ids.map((id) => `#${id}`));
  });

  it("gives every number of the summary, and a dash where there is none", () => {
    const root = parseXml(`<div>${accuracyTable(rows).markup}</div>`);
    const cells = elementsNamed(root, "tr").map((row) =>
      [...elementsNamed(row, "th"), ...elementsNamed(row, "td")].map(textOf),
    );
    expect(cells[0]).toEqual(["Set", "Accuracy", "95 % interval", "Chance", "Raw pixels", "0 to 100 %"]);
    expect(cells[1]).toEqual([
      "Clothesphotographs",
      "71.2\u00a0%",
      "68.0\u00a0% to 74.4\u00a0%",
      "33.3\u00a0%",
      "49.0\u00a0%",
      "",
    ]);
    expect(cells[2]).toEqual(["Counting", "46.3\u00a0%", "–", "25.0\u00a0%", "–", ""]);
    const bare = parseXml(`<div>${accuracyTable([{ set: "a", accuracy: 1, chance: 0.5 }]).markup}</div>`);
    expect(elementsNamed(bare, "th").map(textOf)).toEqual(["Set", "Accuracy", "Chance", "0 to 100 %", "a"]);
  });

  it("shows a round: support by class, answers by sign, word and border, bars from lowest to highest score", () => {
    const root = parseXml(episodeGallery(episode).markup);
    const support = elementsNamed(root, "ul").find(({ attributes }) => attributes["class"] === "support")!;
    expect(elementsNamed(support, "li").map((item) => textOf(elementsNamed(item, "div")[0]!))).toEqual([
      "Ahat",
      "Bshoes & socks",
      "C<b>shirt</b>",
    ]);
    for (const item of elementsNamed(support, "li")) expect(elementsNamed(item, "img")).toHaveLength(5);
    const cards = elementsNamed(root, "li").filter(({ attributes }) => attributes["class"]?.startsWith("query"));
    expect(cards).toHaveLength(9);
    expect(cards.map(({ attributes }) => attributes["class"] === "query wrong").indexOf(true)).toBe(4);
    expect(textOf(cards[0]!)).toMatch(/^✓ right: \s*A\s·\shat/);
    expect(textOf(cards[4]!)).toMatch(/^✗ wrong: \s*C\s·\s<b>shirt<\/b>it is B\s·\sshoes & socks/);
    expect(textOf(root)).toContain("8 of 9 classified correctly");
    expect(textOf(root)).toContain("the scores of A, B and C.");
    const widths = cards.map((card) =>
      elementsNamed(card, "i").map(({ attributes }) => Number.parseFloat(attributes["style"]!.slice(7))),
    );
    expect(widths[0]).toEqual([100, 7.4, 7.4]); // -0.5 between -0.58 and 0.5
    expect(widths[8]).toEqual([0, 0, 100]);
    const hidden = elementsNamed(root, "details");
    expect(hidden).toHaveLength(1);
    expect(textOf(elementsNamed(hidden[0]!, "summary")[0]!)).toBe("Show the other 3");
  });

  it("refuses pictures that are not embedded and answers that do not fit", () => {
    const outside = { source: "cat.png", alt: "a cat" };
    expect(() => pictureGrid([outside])).toThrow(/"a cat": source cat.png is no data URI/);
    const query = episode.queries[0]!;
    for (const wrong of [{ truth: 3 }, { guess: -1 }, { scores: [1, 2] }, { scores: [1, 2, Number.NaN] }]) {
      expect(() => episodeGallery({ ...episode, queries: [{ ...query, ...wrong }] })).toThrow(
        /expected positions among 3 classes/,
      );
    }
    expect(() => table([{ title: "a" }], [["x", "y"]])).toThrow(/2 cells under 1 columns/);
  });

  it("counts letters past Z", () => {
    const classes = Array.from({ length: 28 }, (_, i) => ({ name: `class ${i}`, pictures: [] }));
    const root = parseXml(episodeGallery({ classes, queries: [] }).markup);
    const badges = elementsNamed(root, "span").filter(({ attributes }) => attributes["class"] === "badge");
    expect(badges.map(textOf).slice(24)).toEqual(["Y", "Z", "AA", "AB"]);
  });
});
