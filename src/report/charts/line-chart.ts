/** Draws line charts: several series on a linear or logarithmic axis, with bands, error bars and reference lines. */

import {
  axisWidth,
  type ChartOptions,
  createFrame,
  heightOf,
  horizontalAxis,
  type LegendEntry,
  label,
  svgDocument,
  textWidth,
  verticalAxis,
} from "../frame.js";
import { element, fragment, type Markup } from "../markup.js";
import { paper, type SeriesStyle, seriesStyle } from "../palette.js";
import { createScale, type NumberFormat, type Scale, shortNumber } from "../scales.js";

/** One point of a series; `low` and `high` are the bounds of its uncertainty. */
export interface Point {
  x: number;
  y: number;
  low?: number;
  high?: number;
}

/** One line. Points that are not finite interrupt it. */
export interface LineSeries {
  name: string;
  points: readonly Point[];
  /** Individual values beside the line, such as one for each seed; drawn as small dots. */
  samples?: readonly Point[];
  /** Style of `low` and `high`: a band (default) or a bar at each point. */
  uncertainty?: "band" | "bars";
  /** Draw a thin pale line in the colour of the next series, such as raw values below their smoothed form. */
  background?: boolean;
  /** Draw a marker at each point. Default: if there are at most 30. */
  markers?: boolean;
}

/** Options of one axis of a line chart. */
export interface AxisOptions {
  label?: string;
  scale?: "linear" | "log";
  /** Extends the axis to include at least these values. */
  include?: readonly number[];
  format?: NumberFormat;
}

/** A line across the plot at one value, such as chance. */
export interface ReferenceLine {
  value: number;
  label: string;
}

/** Data and options of a line chart. */
export interface LineChartOptions extends ChartOptions {
  series: readonly LineSeries[];
  x?: AxisOptions;
  y?: AxisOptions;
  references?: readonly ReferenceLine[];
}

const isDrawn = ({ x, y }: Point) => Number.isFinite(x) && Number.isFinite(y);

function extent(values: readonly number[], axis: AxisOptions | undefined, name: string): [number, number] {
  const all = [...values, ...(axis?.include ?? [])];
  if (all.length === 0) throw new Error(`line chart: no finite ${name} value to show; every series is empty`);
  // Not Math.min(...all): a long run has more points than the maximum number of arguments of a call.
  return all.reduce<[number, number]>(([low, high], v) => [Math.min(low, v), Math.max(high, v)], [all[0]!, all[0]!]);
}

/** Runs of consecutive drawn points. */
function segments(points: readonly Point[]): Point[][] {
  const runs: Point[][] = [[]];
  for (const point of points) {
    if (isDrawn(point)) runs.at(-1)!.push(point);
    else if (runs.at(-1)!.length > 0) runs.push([]);
  }
  return runs.filter((run) => run.length > 0);
}

function pathOf(points: readonly [number, number][]): string {
  return points.map(([x, y], i) => `${i === 0 ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}

/** A filled marker of about 7 pixels centred on a point. */
export function markerAt(shape: SeriesStyle["marker"], x: number, y: number, colour: string): Markup {
  const corners: Record<Exclude<SeriesStyle["marker"], "circle">, [number, number][]> = {
    square: [
      [-3.2, -3.2],
      [3.2, -3.2],
      [3.2, 3.2],
      [-3.2, 3.2],
    ],
    triangle: [
      [0, -4.2],
      [4, 3.2],
      [-4, 3.2],
    ],
    diamond: [
      [0, -4.6],
      [4.6, 0],
      [0, 4.6],
      [-4.6, 0],
    ],
  };
  if (shape === "circle") return element("circle", { cx: x, cy: y, r: 3.6, fill: colour });
  return element("path", { d: `${pathOf(corners[shape].map(([dx, dy]) => [x + dx, y + dy]))}Z`, fill: colour });
}

/** A vertical bar from low to high with caps. */
export function errorBar(x: number, low: number, high: number, cap: number, colour: string): Markup {
  const d = `M${x.toFixed(1)} ${low.toFixed(1)}V${high.toFixed(1)}M${(x - cap).toFixed(1)} ${low.toFixed(1)}h${2 * cap}M${(x - cap).toFixed(1)} ${high.toFixed(1)}h${2 * cap}`;
  // An outline in the background colour (white by default) separates it from a bar below.
  return fragment(
    element("path", {
      d,
      class: "rim",
      stroke: paper.light,
      "stroke-opacity": 0.85,
      "stroke-width": 3.6,
      fill: "none",
    }),
    element("path", { d, stroke: colour, "stroke-width": 1.5, fill: "none" }),
  );
}

function drawUncertainty(run: readonly Point[], series: LineSeries, colour: string, x: Scale, y: Scale): Markup | null {
  const bounded = run.filter((p): p is Required<Point> => Number.isFinite(p.low) && Number.isFinite(p.high));
  if (bounded.length === 0) return null;
  if (series.uncertainty === "bars") {
    return fragment(bounded.map((p) => errorBar(x.map(p.x), y.map(p.low), y.map(p.high), 4, colour)));
  }
  const upper = bounded.map((p): [number, number] => [x.map(p.x), y.map(p.high)]);
  const lower = bounded.map((p): [number, number] => [x.map(p.x), y.map(p.low)]).reverse();
  return element("path", { d: `${pathOf([...upper, ...lower])}Z`, fill: colour, "fill-opacity": 0.16 });
}

function drawSeries(series: LineSeries, style: SeriesStyle, x: Scale, y: Scale): Markup {
  const runs = segments(series.points);
  const markers = series.markers ?? (!series.background && series.points.length <= 30);
  return fragment(
    runs.map((run) => drawUncertainty(run, series, style.colour, x, y)),
    runs.map((run) =>
      element("path", {
        d: pathOf(run.map((p) => [x.map(p.x), y.map(p.y)])),
        fill: "none",
        stroke: style.colour,
        "stroke-width": series.background ? 1 : 2.2,
        "stroke-opacity": series.background ? 0.38 : undefined,
        "stroke-dasharray": series.background ? undefined : style.dash,
        "stroke-linejoin": "round",
        // A run of one point is a path of zero length: round caps draw it as a dot.
        "stroke-linecap": "round",
      }),
    ),
    (series.samples ?? [])
      .filter(isDrawn)
      .map((p) =>
        element("circle", { cx: x.map(p.x), cy: y.map(p.y), r: 2.4, fill: style.colour, "fill-opacity": 0.55 }),
      ),
    markers
      ? runs.flat().map((p) => {
          const value = `${series.name}: ${shortNumber(p.y)} at ${shortNumber(p.x)}`;
          return element(
            "g",
            {},
            element("title", {}, value),
            markerAt(style.marker, x.map(p.x), y.map(p.y), style.colour),
          );
        })
      : null,
  );
}

function legendEntry({ name, background }: LineSeries, style: SeriesStyle): LegendEntry {
  const line = element("line", {
    x1: 0,
    x2: 22,
    y1: 6,
    y2: 6,
    stroke: style.colour,
    "stroke-width": background ? 1 : 2.2,
    "stroke-opacity": background ? 0.6 : undefined,
    "stroke-dasharray": background ? undefined : style.dash,
  });
  return { label: name, swatch: fragment(line, background ? null : markerAt(style.marker, 11, 6, style.colour)) };
}

/**
 * Draws a line chart as an SVG document. Throws if there is no finite value, or if a logarithmic axis has a value of 0 or less.
 *
 * @example
 * lineChart({ description: "Loss over steps", series: [{ name: "loss", points: [{ x: 0, y: 2.3 }, { x: 100, y: 0.7 }] }] });
 */
export function lineChart(options: LineChartOptions): string {
  const { series, x: xAxis, y: yAxis, references = [] } = options;
  const drawn = series.flatMap(({ points, samples = [] }) => [...points, ...samples].filter(isDrawn));
  const bounds = drawn.flatMap(({ y, low, high }) =>
    [y, low, high].filter((v) => v !== undefined && Number.isFinite(v)),
  );
  const xDomain = extent(
    drawn.map(({ x }) => x),
    xAxis,
    "x",
  );
  const yDomain = extent([...(bounds as number[]), ...references.map(({ value }) => value)], yAxis, "y");

  // A background series has the colour of the one that it belongs to.
  let styles = 0;
  const styled = series.map((one) => ({ one, style: one.background ? seriesStyle(styles) : seriesStyle(styles++) }));
  const legend = series.length > 1 ? styled.map(({ one, style }) => legendEntry(one, style)) : [];
  const height = heightOf(options);
  const yOptions = {
    domain: yDomain,
    type: yAxis?.scale,
    format: yAxis?.format,
    ticks: Math.max(3, height / 70),
  } as const;
  const frame = createFrame(options, legend, {
    left: axisWidth(createScale({ ...yOptions, range: [0, 1] })),
    right: 14,
    bottom: xAxis?.label ? 46 : 26,
    yLabel: yAxis?.label,
  });
  const y = createScale({ ...yOptions, range: [frame.bottom, frame.top] });
  const x = createScale({
    domain: xDomain,
    range: [frame.left, frame.right],
    type: xAxis?.scale,
    format: xAxis?.format,
    ticks: frame.width / 110,
    nice: xAxis?.scale === "log",
  });

  return svgDocument(
    frame.width,
    frame.height,
    options.description,
    frame.head,
    verticalAxis(frame, y),
    horizontalAxis(frame, x, xAxis?.label),
    references.map(({ value, label: text }) =>
      fragment(
        element("line", {
          x1: frame.left,
          x2: frame.right,
          y1: y.map(value),
          y2: y.map(value),
          stroke: "currentColor",
          "stroke-width": 1.5,
          "stroke-dasharray": "5 4",
        }),
        label(text, Math.max(frame.left + 4, frame.right - textWidth(text) - 2), y.map(value) - 5, { muted: true }),
      ),
    ),
    [...styled]
      .sort((a, b) => Number(b.one.background ?? false) - Number(a.one.background ?? false))
      .map(({ one, style }) => drawSeries(one, style, x, y)),
  );
}
