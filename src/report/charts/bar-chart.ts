/** Draws grouped bar charts with confidence intervals and chance lines; each bar is labelled with its value. */

import { largest, smallest } from "../../text/arrays.js";
import {
  axisWidth,
  type ChartOptions,
  createFrame,
  fontSize,
  label,
  svgDocument,
  textWidth,
  verticalAxis,
} from "../frame.js";
import { element, fragment, type Markup } from "../markup.js";
import { seriesStyle } from "../palette.js";
import { createScale, type NumberFormat, percent, type Scale, shortNumber } from "../scales.js";
import { errorBar } from "./line-chart.js";

/** One bar in each group. */
export interface BarSeries {
  name: string;
  /** A value for each group, null for a missing one. */
  values: readonly (number | null)[];
  /** Lower and upper end of the confidence interval of each value. */
  intervals?: readonly (readonly [number, number] | null)[];
  /** Draw hollow bars, for baselines: they are distinct without colour. */
  hollow?: boolean;
}

/** Data and options of a bar chart. */
export interface BarChartOptions extends ChartOptions {
  groups: readonly string[];
  series: readonly BarSeries[];
  /** A dashed line across each group, such as chance: one value for all groups or one for each group. */
  reference?: { label: string; values: number | readonly number[] };
  yLabel?: string;
  format?: NumberFormat;
  /** Extends the value axis, which always includes 0, to these values. */
  include?: readonly number[];
}

/** Wraps text at spaces into lines of at most `width` pixels; a longer word has its own line. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && textWidth(`${last} ${word}`) <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

interface BarPlace {
  x: number;
  width: number;
  colour: string;
  hollow: boolean;
  name: string;
  group: string;
}

function drawBar(
  place: BarPlace,
  value: number,
  interval: readonly [number, number] | null,
  y: Scale,
  text: string,
): Markup {
  const { x, width, colour, hollow } = place;
  const zero = y.map(Math.max(0, y.domain[0]));
  const end = y.map(value);
  const range = interval ? ` (${[...interval].map((v) => v.toFixed(3)).join(" to ")})` : "";
  const top = Math.min(end, interval ? y.map(interval[1]) : end, zero);
  return element(
    "g",
    {},
    element("title", {}, `${place.name}, ${place.group}: ${text}${range}`),
    element("rect", {
      x: hollow ? x + 0.75 : x,
      y: Math.min(end, zero),
      width: hollow ? width - 1.5 : width,
      height: Math.max(Math.abs(end - zero), 0.5),
      fill: colour,
      "fill-opacity": hollow ? 0.14 : undefined,
      stroke: hollow ? colour : undefined,
      "stroke-width": hollow ? 1.5 : undefined,
    }),
    interval
      ? errorBar(x + width / 2, y.map(interval[0]), y.map(interval[1]), Math.min(5, width / 4), "currentColor")
      : null,
    label(text, x + width / 2, top - 6, {
      anchor: "middle",
      size: textWidth(text) > width + 8 ? 10 : 12,
      weight: hollow ? undefined : 600,
    }),
  );
}

const dash = { stroke: "currentColor", "stroke-width": 1.6, "stroke-dasharray": "5 4" };

const hasValue = (v: number | null | undefined): v is number => typeof v === "number" && Number.isFinite(v);

/** A swatch for each series, then the dashed line of the reference. */
function legendOf({ series, reference }: BarChartOptions) {
  const legend = series.map(({ name, hollow }, i) => ({
    label: name,
    swatch: element("rect", {
      x: 4,
      y: 0.75,
      width: 14,
      height: 11,
      fill: seriesStyle(i).colour,
      "fill-opacity": hollow ? 0.14 : undefined,
      stroke: hollow ? seriesStyle(i).colour : undefined,
      "stroke-width": hollow ? 1.5 : undefined,
    }),
  }));
  if (reference)
    legend.push({ label: reference.label, swatch: element("line", { x1: 0, x2: 22, y1: 6, y2: 6, ...dash }) });
  return legend;
}

/** Value of the reference in a group, if there is one. */
const referenceAt = ({ reference }: BarChartOptions, group: number): number | undefined =>
  typeof reference?.values === "number" ? reference.values : reference?.values[group];

/** Range of the value axis: from 0, or the minimum if it is negative, to the maximum of all values, interval ends and references. */
function valueDomain(options: BarChartOptions): readonly [number, number] {
  const shown = options.series.flatMap(({ values, intervals }) => [
    ...values,
    ...(intervals ?? []).flatMap((interval) => interval ?? []),
  ]);
  if (!shown.some(hasValue)) throw new Error("bar chart: no finite value to show");
  const levels = options.groups.map((_, group) => referenceAt(options, group));
  const all = [...shown, ...levels, ...(options.include ?? [])].filter(hasValue);
  return [smallest([0, ...all]), largest([0, ...all])];
}

/** Position of a group and its bars, in pixels. */
interface GroupPlace {
  readonly width: number;
  readonly centre: number;
  readonly y: Scale;
}

/** Draws the bars of one group side by side, and the dashed line of the reference across them. */
function drawGroup(options: BarChartOptions, group: number, { width, centre, y }: GroupPlace) {
  const { groups, series, format } = options;
  const gap = Math.min(width * 0.26, 60);
  const slot = Math.min((width - gap) / series.length, 76);
  const barWidth = slot - Math.min(8, slot * 0.16);
  const start = centre - (slot * series.length) / 2;
  const bars = series.map(({ name, values, intervals, hollow = false }, s) => {
    const value = values[group];
    if (!hasValue(value)) return null;
    const text = format === "percent" ? percent(value, width < 120 ? 0 : 1) : shortNumber(value);
    const place = {
      x: start + s * slot + (slot - barWidth) / 2,
      width: barWidth,
      colour: seriesStyle(s).colour,
      hollow,
      name,
      group: groups[group]!,
    };
    return drawBar(place, value, intervals?.[group] ?? null, y, text);
  });
  const level = referenceAt(options, group);
  if (!hasValue(level)) return fragment(bars, null);
  const line = { x1: start - gap / 3, x2: start + slot * series.length + gap / 3, y1: y.map(level), y2: y.map(level) };
  return fragment(bars, element("line", { ...line, ...dash }));
}

/**
 * Draws a grouped bar chart as an SVG document; the value axis starts at 0.
 * Throws if a series does not have one value for each group, or if no value is finite.
 *
 * @example
 * barChart({ description: "Accuracy", groups: ["clothes"], series: [{ name: "ours", values: [0.7], intervals: [[0.66, 0.74]] }] });
 */
export function barChart(options: BarChartOptions): string {
  const { groups, series, format = "number" } = options;
  for (const { name, values, intervals } of series) {
    if (values.length !== groups.length || (intervals && intervals.length !== groups.length)) {
      throw new Error(
        `bar chart: series "${name}" has ${values.length} values for ${groups.length} groups; give one each (null for none)`,
      );
    }
  }
  const yOptions = { domain: valueDomain(options), format, ticks: 5 } as const;
  const legend = legendOf(options);
  const left = axisWidth(createScale({ ...yOptions, range: [0, 1] }));
  const groupWidth = ((options.width ?? 720) - left - 6) / groups.length;
  const names = groups.map((group) => wrap(group, groupWidth - 6));
  const frame = createFrame(options, legend.length > 1 ? legend : [], {
    left,
    right: 6,
    bottom: 14 + largest(names.map((lines) => lines.length)) * (fontSize + 3),
    yLabel: options.yLabel,
  });
  const y = createScale({ ...yOptions, range: [frame.bottom, frame.top + 12] });
  return svgDocument(
    frame.width,
    frame.height,
    options.description,
    frame.head,
    verticalAxis(frame, y),
    names.map((lines, group) => {
      const centre = frame.left + (group + 0.5) * groupWidth;
      return fragment(
        drawGroup(options, group, { width: groupWidth, centre, y }),
        lines.map((line, i) => label(line, centre, frame.bottom + 18 + i * (fontSize + 3), { anchor: "middle" })),
      );
    }),
  );
}
