/** Components of HTML reports: text, key figures, tables, charts and image grids. */

import { type Picture, requireEmbedded } from "./images.js";
import { type Child, element, fragment, type Markup, trusted } from "./markup.js";
import { seriesColours } from "./palette.js";
import { percent } from "./scales.js";

/** A paragraph. */
export function paragraph(...content: Child[]): Markup {
  return element("p", {}, ...content);
}

/** A heading within a section. */
export function heading(text: string): Markup {
  return element("h3", {}, text);
}

/** A note that the reader must take into account when interpreting the figures. */
export function warning(text: string): Markup {
  return element("p", { class: "note", role: "note" }, element("strong", {}, "Note: "), text);
}

/** Collapsed content with a summary line. */
export function collapsible(summary: string, ...content: Child[]): Markup {
  return element("details", {}, element("summary", {}, summary), ...content);
}

/** A key figure. */
export interface Tile {
  label: string;
  value: string;
  detail?: string;
}

/** A row of key figures. */
export function tiles(items: readonly Tile[]): Markup {
  return element(
    "ul",
    { class: "tiles" },
    items.map(({ label, value, detail }) =>
      element(
        "li",
        {},
        element("span", { class: "label" }, label),
        element("span", { class: "value" }, value),
        detail ? element("span", { class: "detail" }, detail) : null,
      ),
    ),
  );
}

/** Names and values below each other, such as the settings of a run. */
export function facts(items: readonly (readonly [string, Child])[]): Markup {
  return element(
    "dl",
    { class: "facts" },
    items.map(([name, value]) => fragment(element("dt", {}, name), element("dd", {}, value))),
  );
}

/** A plain table; numeric columns are right-aligned. Throws if a row does not have one cell for each column. */
export function table(
  columns: readonly { title: string; numeric?: boolean }[],
  rows: readonly (readonly Child[])[],
  caption?: string,
): Markup {
  const kind = (i: number) => (columns[i]?.numeric ? "number" : undefined);
  for (const row of rows) {
    if (row.length !== columns.length)
      throw new Error(`table: a row of ${row.length} cells under ${columns.length} columns`);
  }
  return element(
    "div",
    { class: "scroll" },
    element(
      "table",
      {},
      caption ? element("caption", {}, caption) : null,
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          columns.map(({ title }, i) => element("th", { scope: "col", class: kind(i) }, title)),
        ),
      ),
      element(
        "tbody",
        {},
        rows.map((row) =>
          element(
            "tr",
            {},
            row.map((cell, i) =>
              i === 0 ? element("th", { scope: "row" }, cell) : element("td", { class: kind(i) }, cell),
            ),
          ),
        ),
      ),
    ),
  );
}

/** Accuracy on one dataset together with its reference values; all are fractions. */
export interface AccuracyRow {
  set: string;
  detail?: string;
  accuracy: number;
  /** 95 % confidence interval of the accuracy. */
  interval?: readonly [number, number] | null;
  chance: number;
  /** Accuracy of the same classifier on raw pixels. */
  rawPixels?: number;
}

const stripWidth = 220;

function accuracyStrip({ accuracy, interval, chance, rawPixels }: AccuracyRow): Markup {
  const x = (fraction: number) => 8 + Math.min(Math.max(fraction, 0), 1) * (stripWidth - 16);
  const colour = seriesColours[0];
  return element(
    "svg",
    { viewBox: `0 0 ${stripWidth} 24`, "aria-hidden": "true" },
    element("line", {
      x1: 8,
      x2: stripWidth - 8,
      y1: 12,
      y2: 12,
      stroke: "currentColor",
      "stroke-opacity": 0.25,
      "stroke-width": 2,
    }),
    element("line", {
      x1: x(chance),
      x2: x(chance),
      y1: 2,
      y2: 22,
      stroke: "currentColor",
      "stroke-width": 1.6,
      "stroke-dasharray": "3 2",
    }),
    interval
      ? element("line", {
          x1: x(interval[0]),
          x2: x(interval[1]),
          y1: 12,
          y2: 12,
          stroke: colour,
          "stroke-width": 12,
          "stroke-opacity": 0.4,
        })
      : null,
    rawPixels === undefined
      ? null
      : element("circle", {
          cx: x(rawPixels),
          cy: 12,
          r: 5,
          fill: "var(--paper)",
          stroke: seriesColours[1],
          "stroke-width": 2,
        }),
    element("circle", { cx: x(accuracy), cy: 12, r: 4, fill: colour }),
  );
}

function stripKey(withRawPixels: boolean, withInterval: boolean): Markup {
  const swatch = (...content: Child[]) =>
    element("svg", { width: 20, height: 16, viewBox: "0 0 20 16", "aria-hidden": "true" }, ...content);
  const colour = seriesColours[0];
  return element(
    "ul",
    { class: "key" },
    element("li", {}, swatch(element("circle", { cx: 10, cy: 8, r: 4, fill: colour })), "accuracy"),
    withInterval
      ? element(
          "li",
          {},
          swatch(
            element("line", {
              x1: 4,
              x2: 16,
              y1: 8,
              y2: 8,
              stroke: colour,
              "stroke-width": 12,
              "stroke-opacity": 0.4,
            }),
          ),
          "its 95 % interval",
        )
      : null,
    withRawPixels
      ? element(
          "li",
          {},
          swatch(element("circle", { cx: 10, cy: 8, r: 5, fill: "none", stroke: seriesColours[1], "stroke-width": 2 })),
          "raw pixels, same classifier",
        )
      : null,
    element(
      "li",
      {},
      swatch(
        element("line", {
          x1: 10,
          x2: 10,
          y1: 0,
          y2: 16,
          stroke: "currentColor",
          "stroke-width": 1.6,
          "stroke-dasharray": "3 2",
        }),
      ),
      "chance",
    ),
  );
}

/** The summary table: each dataset's accuracy with its interval, chance and the raw-pixel baseline, as numbers and on a strip from 0 to 100 %. */
export function accuracyTable(rows: readonly AccuracyRow[], caption?: string): Markup {
  const withRawPixels = rows.some(({ rawPixels }) => rawPixels !== undefined);
  const withInterval = rows.some(({ interval }) => interval);
  const numeric = (title: string, value: Child, extra = "") =>
    element("td", { class: `number${extra}`, "data-label": title }, value);
  const body = rows.map((row) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, row.set, row.detail ? element("span", { class: "detail" }, row.detail) : null),
      numeric("Accuracy", percent(row.accuracy), " strong"),
      withInterval
        ? element(
            "td",
            { class: "interval", "data-label": "95 % interval" },
            row.interval ? `${percent(row.interval[0])} to ${percent(row.interval[1])}` : "–",
          )
        : null,
      numeric("Chance", percent(row.chance)),
      withRawPixels ? numeric("Raw pixels", row.rawPixels === undefined ? "–" : percent(row.rawPixels)) : null,
      element("td", { class: "strip" }, accuracyStrip(row)),
    ),
  );
  const column = (title: string, kind?: string) => element("th", { scope: "col", class: kind }, title);
  const head = element(
    "thead",
    {},
    element(
      "tr",
      {},
      column("Set"),
      column("Accuracy", "number"),
      withInterval ? column("95 % interval") : null,
      column("Chance", "number"),
      withRawPixels ? column("Raw pixels", "number") : null,
      column("0 to 100 %", "strip"),
    ),
  );
  return fragment(
    element(
      "div",
      { class: "scroll" },
      element(
        "table",
        { class: "accuracies" },
        caption ? element("caption", {}, caption) : null,
        head,
        element("tbody", {}, body),
      ),
    ),
    stripKey(withRawPixels, withInterval),
  );
}

/** A chart at two widths; the page shows the one that fits the screen, so that text stays readable on a phone. */
export function chartFigure(draw: (width: number) => string, caption?: string): Markup {
  return element(
    "figure",
    {},
    element("div", { class: "wide" }, trusted(draw(920))),
    element("div", { class: "narrow" }, trusted(draw(350))),
    caption ? element("figcaption", {}, caption) : null,
  );
}

/** A grid of small images, each with an optional caption. */
export function pictureGrid(pictures: readonly (Picture & { caption?: string })[], pixelated = false): Markup {
  return element(
    "ul",
    { class: pixelated ? "pictures pixelated" : "pictures" },
    pictures.map((picture) =>
      element(
        "li",
        {},
        element("img", { src: requireEmbedded(picture), alt: picture.alt, loading: "lazy" }),
        picture.caption,
      ),
    ),
  );
}
