/** Draws a table whose cells are values with bars, each column on its own scale. */
import { largest } from "../../text/arrays.js";
import { type ChartOptions, label, shortened, svgDocument, textWidth } from "../frame.js";
import { element, fragment, type Markup } from "../markup.js";
import { seriesStyle } from "../palette.js";

/** A column: its title, the text of a value, and a text for the whole column. */
export interface BarTableColumn {
  readonly title: string;
  /** A value for each row, at least 0. */
  readonly values: readonly number[];
  readonly total?: string;
  format(value: number): string;
}

/** Data and options of a bar table. */
export interface BarTableOptions extends Omit<ChartOptions, "title" | "height"> {
  readonly rows: readonly string[];
  readonly columns: readonly BarTableColumn[];
  /** Name of the row of totals. Default: "total". */
  readonly totalName?: string;
}

const rowHeight = 28;
const headHeight = 40;
const gap = 10;

/**
 * Draws a table of bars as an SVG document: a row for each name, a bar from 0 and the value as text in each cell. The longest bar of a column
 * fills it. Throws an Error if a column does not have one value for each row, or if a value is negative or not finite.
 *
 * @example
 * barTable({ description: "Cost", rows: ["block 0"], columns: [{ title: "FLOPs", values: [3e9], format: shortNumber }] });
 */
export function barTable(options: BarTableOptions): string {
  const { rows, columns, width = 720, totalName = "total" } = options;
  for (const { title, values } of columns) {
    if (values.length !== rows.length || !values.every((value) => Number.isFinite(value) && value >= 0)) {
      throw new Error(
        `bar table: "${title}" has the values [${values.join(", ")}] for ${rows.length} rows; give a finite number of at least 0 for each`,
      );
    }
  }
  const totals = columns.some(({ total }) => total !== undefined);
  const left = Math.min(largest([...rows, totals ? totalName : ""].map((name) => textWidth(name))) + 10, 0.28 * width);
  const cell = (width - left) / columns.length;
  const height = headHeight + (rows.length + (totals ? 1 : 0)) * rowHeight + 4;
  const y = (row: number) => headHeight + row * rowHeight;
  const drawn = columns.map((column, c) => {
    const x = left + c * cell;
    const most = largest(column.values) || 1;
    return fragment(
      titleLines(column.title, cell - gap).map((line, i) => label(line, x, 14 + 14 * i, { muted: true })),
      column.values.map((value, r) => bar(column.format(value), (value / most) * (cell - gap), x, y(r), c)),
      column.total === undefined ? null : label(column.total, x, y(rows.length) + 18, { weight: 600 }),
    );
  });
  return svgDocument(
    width,
    height,
    options.description,
    rows.map((name, r) => fragment(rule(width, y(r)), label(shortened(name, left - 10), 0, y(r) + 18))),
    totals ? fragment(rule(width, y(rows.length)), label(totalName, 0, y(rows.length) + 18, { weight: 600 })) : null,
    drawn,
  );
}

/** The text of a value above its bar. */
const bar = (text: string, length: number, x: number, y: number, column: number): Markup =>
  fragment(
    label(text, x, y + 14),
    element("rect", { x, y: y + 19, width: Math.max(length, 0.5), height: 5, fill: seriesStyle(column).colour }),
  );

const rule = (width: number, y: number): Markup =>
  element("line", { x1: 0, x2: width, y1: y, y2: y, stroke: "currentColor", "stroke-opacity": 0.16 });

/** At most two lines, divided at a space. */
function titleLines(title: string, width: number): readonly string[] {
  const at = title.indexOf(" ");
  if (textWidth(title) <= width || at < 0) return [shortened(title, width)];
  return [title.slice(0, at), title.slice(at + 1)].map((line) => shortened(line, width));
}
