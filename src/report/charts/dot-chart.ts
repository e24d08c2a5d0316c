/** Dot charts: one row for each category with the mean, its interval and every single value. */
import { largest, smallest } from "../../text/arrays.js";
import { type ChartOptions, createFrame, horizontalAxis, label, shortened, svgDocument, textWidth } from "../frame.js";
import { element, fragment, type Markup } from "../markup.js";
import { seriesColours } from "../palette.js";
import { createScale, type NumberFormat, percent, type Scale, shortNumber } from "../scales.js";
import { markerAt } from "./line-chart.js";

/** One row. */
export interface DotRow {
  readonly name: string;
  /** Single values, such as one for each seed; their mean is marked. */
  readonly values: readonly number[];
  /** Interval of the mean. */
  readonly interval?: readonly [number, number] | undefined;
  /** A value from elsewhere that is drawn as a hollow diamond, such as a published one. */
  readonly reference?: number | undefined;
}

/** What a dot chart shows. */
export interface DotChartOptions extends Omit<ChartOptions, "height"> {
  readonly rows: readonly DotRow[];
  readonly xLabel?: string;
  readonly format?: NumberFormat;
  /** Extends the axis to these values at least. */
  readonly include?: readonly number[];
  /** Names the hollow diamonds in the legend. */
  readonly referenceLabel?: string;
}

const rowHeight = 30;

/**
 * Draws a dot chart as an SVG document. The axis need not start at 0, since positions are compared and not lengths. Throws when a row has no
 * value or one that is not finite.
 *
 * @example
 * dotChart({ description: "Accuracy", rows: [{ name: "learned", values: [0.61, 0.63] }], format: "percent" });
 */
export function dotChart(options: DotChartOptions): string {
  const { rows, format = "number", include = [] } = options;
  for (const { name, values } of rows) {
    if (values.length === 0 || !values.every(Number.isFinite)) {
      throw new Error(`dot chart: "${name}" has the values [${values.join(", ")}]; give finite numbers, at least one`);
    }
  }
  const all = rows.flatMap(({ values, interval = [], reference }) => [
    ...values,
    ...interval,
    ...(reference === undefined ? [] : [reference]),
  ]);
  const widest = largest(rows.map(({ name }) => textWidth(name)));
  const left = Math.min(widest + 14, 0.45 * (options.width ?? 720));
  const hasReference = options.referenceLabel !== undefined && rows.some(({ reference }) => reference !== undefined);
  const legend = [
    { label: "mean", swatch: markerAt("square", 11, 6, seriesColours[0]) },
    { label: "single run", swatch: dot(11, 6) },
    ...(hasReference ? [{ label: options.referenceLabel ?? "", swatch: hollow(11, 6) }] : []),
  ];
  const bottom = options.xLabel ? 46 : 26;
  const heads = createFrame({ ...options, height: 400 }, legend, { left, right: 60, bottom });
  const height = heads.top + rows.length * rowHeight + bottom;
  const frame = { ...heads, height, bottom: height - bottom };
  const x = createScale({
    domain: [smallest([...all, ...include]), largest([...all, ...include])],
    range: [frame.left, frame.right],
    format,
    ticks: (frame.right - frame.left) / 110,
  });
  return svgDocument(
    frame.width,
    height,
    options.description,
    frame.head,
    x.ticks.map((tick) => gridLine(x.map(tick), frame.top, frame.bottom)),
    horizontalAxis(frame, x, options.xLabel),
    rows.map((row, i) => drawRow(row, frame.top + (i + 0.5) * rowHeight, left, x, format)),
  );
}

const gridLine = (x: number, top: number, bottom: number): Markup =>
  element("line", { x1: x, x2: x, y1: top, y2: bottom, stroke: "currentColor", "stroke-opacity": 0.16 });

const dot = (x: number, y: number): Markup =>
  element("circle", { cx: x, cy: y, r: 3, fill: seriesColours[1], "fill-opacity": 0.75 });

const hollow = (x: number, y: number): Markup =>
  element("path", {
    d: `M${x} ${y - 5}L${x + 5} ${y}L${x} ${y + 5}L${x - 5} ${y}Z`,
    fill: "none",
    stroke: seriesColours[2],
    "stroke-width": 1.8,
  });

function drawRow(
  { name, values, interval, reference }: DotRow,
  y: number,
  left: number,
  x: Scale,
  format: NumberFormat,
) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const text = format === "percent" ? percent(mean) : shortNumber(mean);
  const right = x.map(largest([mean, ...values, ...(interval ?? []), ...(reference === undefined ? [] : [reference])]));
  return element(
    "g",
    {},
    element("title", {}, `${name}: ${text}`),
    label(shortened(name, left - 14), left - 10, y + 4, { anchor: "end" }),
    interval
      ? element("line", {
          x1: x.map(interval[0]),
          x2: x.map(interval[1]),
          y1: y,
          y2: y,
          stroke: seriesColours[0],
          "stroke-width": 2,
          "stroke-opacity": 0.6,
        })
      : null,
    fragment(values.map((value) => dot(x.map(value), y))),
    markerAt("square", x.map(mean), y, seriesColours[0]),
    reference === undefined ? null : hollow(x.map(reference), y),
    label(text, right + 8, y + 4, { muted: true }),
  );
}
