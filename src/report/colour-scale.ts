/** Colours of numbers in maps, and the bar that says which colour is which number. */

import { label } from "./frame.js";
import { pixelUri } from "./images.js";
import { type Child, element, fragment, type Markup } from "./markup.js";

/** Colours for the numbers between two ends; numbers beyond an end have its colour. */
export interface ColourScale {
  /** `sequential` for amounts, dark to bright; `diverging` for signed numbers, blue over near white to orange. */
  readonly kind: "sequential" | "diverging";
  readonly range: readonly [low: number, high: number];
}

type Rgb = readonly [number, number, number];

/**
 * Five evenly spaced colours of viridis (van der Walt and Smith, 2015, CC0; matplotlib's default), whose lightness rises evenly, so that it is
 * read without colour too; and three of a diverging scale between the blue and the orange of the charts.
 */
const anchors: Readonly<Record<ColourScale["kind"], readonly Rgb[]>> = {
  sequential: [
    [68, 1, 84],
    [59, 82, 139],
    [33, 145, 140],
    [94, 201, 98],
    [253, 231, 37],
  ],
  diverging: [
    [26, 91, 166],
    [245, 245, 245],
    [190, 84, 14],
  ],
};

/** Red, green and blue, from 0 to 255, of a number. A number that is not finite is grey. */
export function colourOf(value: number, { kind, range: [low, high] }: ColourScale): Rgb {
  if (!Number.isFinite(value)) return [128, 128, 128];
  const colours = anchors[kind];
  const share = high > low ? Math.min(Math.max((value - low) / (high - low), 0), 1) : 0;
  const at = share * (colours.length - 1);
  const before = Math.min(Math.floor(at), colours.length - 2);
  const [from, to] = [colours[before] as Rgb, colours[before + 1] as Rgb];
  const mixed = (c: 0 | 1 | 2) => Math.round(from[c] + (to[c] - from[c]) * (at - before));
  return [mixed(0), mixed(1), mixed(2)];
}

/** A map as a data URI (PNG): a pixel for each of `rows` times `columns` numbers. */
export function mapUri(values: ArrayLike<number>, rows: number, columns: number, scale: ColourScale): string {
  const data = new Uint8Array(rows * columns * 3);
  for (let i = 0; i < rows * columns; i++) data.set(colourOf(values[i] ?? Number.NaN, scale), 3 * i);
  return pixelUri({ data, width: columns, height: rows, channels: 3 });
}

const barHeight = 10;
const steps = 64;

/** A bar of the colours of a scale with its ends, 30 pixels high; `name` says what the numbers are. */
export function colourBar(scale: ColourScale, name: string, x: number, y: number, width: number): Markup {
  const [low, high] = scale.range;
  const values = Array.from({ length: steps }, (_, i) => low + ((i + 0.5) / steps) * (high - low));
  const ends: Child = [
    label(shown(low), x, y + barHeight + 14, { muted: true }),
    label(name, x + width / 2, y + barHeight + 14, { anchor: "middle", muted: true }),
    label(shown(high), x + width, y + barHeight + 14, { anchor: "end", muted: true }),
  ];
  const href = mapUri(values, 1, steps, scale);
  const bar = element("image", { x, y, width, height: barHeight, href, preserveAspectRatio: "none" });
  return fragment(bar, ends);
}

const shown = (value: number): string => String(Number(value.toPrecision(2)));
