/** Shared parts of all charts: the SVG root, title, legend, axes and grid around a plotting area. */

import { largest } from "../text/arrays.js";
import { type Child, element, fragment, type Markup } from "./markup.js";
import { neutral } from "./palette.js";
import type { Scale } from "./scales.js";

/** Options of every chart. */
export interface ChartOptions {
  /** Title inside the drawing; omit it if the page has one already. */
  title?: string;
  /** The description for screen readers. */
  description: string;
  /** Width in CSS pixels. The text size is fixed, so use 360 on a phone instead of scaling. Default: 720. */
  width?: number;
  /** Height in CSS pixels. Default: slightly less than half the width, but at least 280. */
  height?: number;
}

/** An entry of the legend: its text and a 22 x 12 drawing of the series style. */
export interface LegendEntry {
  label: string;
  swatch: Markup;
}

/** Size of text on axes, in CSS pixels. */
export const fontSize = 12;

const titleSize = 15;

const fontFamily = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";

/** Estimated width of a line of sans-serif text at the axis size: 0.6 em for each character, so that wide fonts fit too. */
export function textWidth(text: string, size = fontSize): number {
  return text.length * size * 0.6;
}

/** Breaks text between words into lines of at most a width in pixels; a longer word has a line of its own. */
function linesOf(text: string, width: number, size: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const line = lines.length > 0 ? `${lines.at(-1)} ${word}` : word;
    if (lines.length > 0 && textWidth(line, size) <= width) lines[lines.length - 1] = line;
    else lines.push(word);
  }
  return lines;
}

/** Shortens text to a width in pixels, with an ellipsis. */
export function shortened(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  const letters = [...text];
  while (letters.length > 1 && textWidth(`${letters.join("")}…`) > width) letters.pop();
  return `${letters.join("")}…`;
}

/** A line of text; muted text is for secondary information. */
export function label(
  text: string,
  x: number,
  y: number,
  options: { anchor?: "start" | "middle" | "end"; muted?: boolean; size?: number; weight?: number } = {},
): Markup {
  const { anchor = "start", muted = false, size, weight } = options;
  return element(
    "text",
    {
      x,
      y,
      "text-anchor": anchor === "start" ? undefined : anchor,
      // A class instead of an opacity, because the neutral grey has no contrast to spare.
      class: muted ? "quiet" : undefined,
      "font-size": size,
      "font-weight": weight,
    },
    text,
  );
}

/** The plotting area and the parts drawn so far. */
export interface Frame {
  width: number;
  height: number;
  left: number;
  right: number;
  top: number;
  bottom: number;
  /** Title and legend, already positioned. */
  head: Markup;
}

/** Height of a chart, or its default. */
export function heightOf({ width = 720, height }: ChartOptions): number {
  return height ?? Math.max(280, Math.round(width * 0.46));
}

/** Positions title and legend and leaves the rest of the drawing to the plot; `margins` is the space for the axes. */
export function createFrame(
  options: ChartOptions,
  legend: readonly LegendEntry[],
  margins: { left: number; right: number; bottom: number; yLabel?: string },
): Frame {
  const width = options.width ?? 720;
  const height = heightOf(options);
  if (!(width >= 200) || !(height >= 120)) {
    throw new Error(`chart: ${width}x${height} pixels are too few to draw in; give 200x120 or more`);
  }
  const parts: Markup[] = [];
  let y = 4;
  if (options.title) {
    for (const line of linesOf(options.title, width, titleSize)) {
      y += y > 4 ? 19 : 16;
      parts.push(label(line, 0, y, { size: titleSize, weight: 600 }));
    }
    y += 8;
  }
  if (legend.length > 0) {
    let x = 0;
    y += 8;
    for (const { label: text, swatch } of legend) {
      const entryWidth = 28 + textWidth(text) + 18;
      if (x > 0 && x + entryWidth > width) {
        x = 0;
        y += 20;
      }
      parts.push(element("g", { transform: `translate(${x} ${y - 6})` }, swatch, label(text, 28, 10)));
      x += entryWidth;
    }
    y += 14;
  }
  if (margins.yLabel) {
    y += 12;
    parts.push(label(margins.yLabel, 0, y, { muted: true }));
    y += 6;
  }
  return {
    width,
    height,
    left: margins.left,
    right: width - margins.right,
    top: y + 8,
    bottom: height - margins.bottom,
    head: fragment(...parts),
  };
}

/** Space for the tick labels of a vertical axis. */
export function axisWidth(scale: Scale): number {
  return Math.ceil(largest(scale.ticks.map((tick) => textWidth(scale.label(tick)))) + 10);
}

/** Horizontal grid lines with their values on the left. */
export function verticalAxis(frame: Frame, scale: Scale): Markup {
  return fragment(
    scale.ticks.map((tick) => {
      const y = scale.map(tick);
      return fragment(
        element("line", {
          x1: frame.left,
          x2: frame.right,
          y1: y,
          y2: y,
          stroke: "currentColor",
          "stroke-opacity": tick === 0 ? 0.55 : 0.16,
        }),
        label(scale.label(tick), frame.left - 8, y + 4, { anchor: "end", muted: true }),
      );
    }),
  );
}

/** Ticks and values below the plot, and the name of the axis. */
export function horizontalAxis(frame: Frame, scale: Scale, name?: string): Markup {
  return fragment(
    element("line", {
      x1: frame.left,
      x2: frame.right,
      y1: frame.bottom,
      y2: frame.bottom,
      stroke: "currentColor",
      "stroke-opacity": 0.55,
    }),
    scale.ticks.map((tick) => {
      const x = scale.map(tick);
      return fragment(
        element("line", {
          x1: x,
          x2: x,
          y1: frame.bottom,
          y2: frame.bottom + 4,
          stroke: "currentColor",
          "stroke-opacity": 0.55,
        }),
        label(scale.label(tick), x, frame.bottom + 18, { anchor: "middle", muted: true }),
      );
    }),
    name ? label(name, (frame.left + frame.right) / 2, frame.bottom + 38, { anchor: "middle", muted: true }) : null,
  );
}

/** Creates a standalone SVG document, which can also be inlined in a page whose CSS sets its colour. */
export function svgDocument(width: number, height: number, description: string, ...children: Child[]): string {
  return element(
    "svg",
    {
      xmlns: "http://www.w3.org/2000/svg",
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      role: "img",
      "aria-label": description,
      color: neutral,
      fill: "currentColor",
      "font-family": fontFamily,
      "font-size": fontSize,
      class: "chart",
    },
    element("desc", {}, description),
    ...children,
  ).markup;
}
