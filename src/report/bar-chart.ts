/** Grouped bar charts with confidence intervals and chance lines, each bar labelled with its value. */

import { largest, smallest } from "../text/arrays.js";
import {
  axisWidth,
  type ChartOptions,
  createFrame,
  fontSize,
  label,
  svgDocument,
  textWidth,
  verticalAxis,
} from "./frame.js";
import { errorBar } from "./line-chart.js";
import { element, fragment, type Markup } from "./markup.js";
import { seriesStyle } from "./palette.js";
import { createScale, type NumberFormat, percent, type Scale, shortNumber } from "./scales.js";

/** One bar in each group. */
export interface BarSeries {
  name: string;
  /** A value for each group, null where there is none. */
  values: readonly (number | null)[];
  /** Low and high end of the confidence interval of each value. */
  intervals?: readonly (readonly [number, number] | null)[];
  /** Hollow bars, for baselines: told apart without colour. */
  hollow?: boolean;
}

/** What a bar chart shows. */
export interface BarChartOptions extends ChartOptions {
  groups: readonly string[];
  series: readonly BarSeries[];
  /** A dashed line across each group, such as chance: one value for all groups or one a group. */
  reference?: { label: string; values: number | readonly number[] };
  yLabel?: string;
  format?: NumberFormat;
  /** Extends the value axis, which always includes 0, to these values. */
  include?: readonly number[];
}

/** Breaks text into lines of at most `width` pixels at spaces; a word that is longer keeps a line of its own. */
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

/**
 * Draws a grouped bar chart as an SVG document; the value axis starts at 0.
 * Throws when a series has not one value a group, or no value is finite.
 *
 * @example
 * barChart({ description: "Accuracy", groups: ["clothes"], series: [{ name: "ours", values: [0.7], intervals: [[0.66, 0.74]] }] });
 */
export function barChart(options: BarChartOptions): string {
  const { groups, series, reference, format = "number" } = options;
  for (const { name, values, intervals } of series) {
    if (values.length !== groups.length || (intervals && intervals.length !== groups.length)) {
      throw new Error(
        `bar chart: series "${name}" has ${values.length} values for ${groups.length} groups; give one each (null for none)`,
      );
    }
  }
  const chance =
    reference && groups.map((_, i) => (typeof reference.values === "number" ? reference.values : reference.values[i]!));
  const finite = (v: number | null | undefined): v is number => typeof v === "number" && Number.isFinite(v);
  const shown = series.flatMap(({ values, intervals }) => [
    ...values,
    ...(intervals ?? []).flatMap((interval) => interval ?? []),
  ]);
  const all = [...shown, ...(chance ?? []), ...(options.include ?? [])].filter(finite);
  if (!shown.some(finite)) throw new Error("bar chart: no finite value to show");

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
  const dash = { stroke: "currentColor", "stroke-width": 1.6, "stroke-dasharray": "5 4" };
  if (reference)
    legend.push({ label: reference.label, swatch: element("line", { x1: 0, x2: 22, y1: 6, y2: 6, ...dash }) });

  const width = options.width ?? 720;
  const domain = [smallest([0, ...all]), largest([0, ...all])] as const;
  const yOptions = { domain, format, ticks: 5 } as const;
  const left = axisWidth(createScale({ ...yOptions, range: [0, 1] }));
  const groupWidth = (width - left - 6) / groups.length;
  const names = groups.map((group) => wrap(group, groupWidth - 6));
  const bottom = 14 + largest(names.map((lines) => lines.length)) * (fontSize + 3);
  const frame = createFrame(options, legend.length > 1 ? legend : [], {
    left,
    right: 6,
    bottom,
    yLabel: options.yLabel,
  });
  const y = createScale({ ...yOptions, range: [frame.bottom, frame.top + 12] });

  const gap = Math.min(groupWidth * 0.26, 60);
  const slot = Math.min((groupWidth - gap) / series.length, 76);
  const barWidth = slot - Math.min(8, slot * 0.16);
  return svgDocument(
    frame.width,
    frame.height,
    options.description,
    frame.head,
    verticalAxis(frame, y),
    groups.map((group, g) => {
      const centre = frame.left + (g + 0.5) * groupWidth;
      const start = centre - (slot * series.length) / 2;
      const bars = series.map(({ name, values, intervals, hollow = false }, s) => {
        const value = values[g];
        if (!finite(value)) return null;
        const text = format === "percent" ? percent(value, groupWidth < 120 ? 0 : 1) : shortNumber(value);
        const place = {
          x: start + s * slot + (slot - barWidth) / 2,
          width: barWidth,
          colour: seriesStyle(s).colour,
          hollow,
          name,
          group,
        };
        return drawBar(place, value, intervals?.[g] ?? null, y, text);
      });
      const level = chance?.[g];
      return fragment(
        bars,
        finite(level)
          ? element("line", {
              x1: start - gap / 3,
              x2: start + slot * series.length + gap / 3,
              y1: y.map(level),
              y2: y.map(level),
              ...dash,
            })
          : null,
        names[g]!.map((line, i) => label(line, centre, frame.bottom + 18 + i * (fontSize + 3), { anchor: "middle" })),
      );
    }),
  );
}
