/** Axes: nice ticks, linear and logarithmic scales, and short readable numbers. */
import { inPercent } from "../text/format.js";

/** How a number is written on an axis or beside a bar. */
export type NumberFormat = "number" | "percent";

/** Maps data to drawing coordinates. */
export interface Scale {
  domain: [number, number];
  ticks: number[];
  map(value: number): number;
  label(tick: number): string;
}

/** How to build a scale. */
export interface ScaleOptions {
  /** Smallest and largest value to show. */
  domain: readonly [number, number];
  /** Drawing coordinates of the two ends. */
  range: readonly [number, number];
  type?: "linear" | "log";
  /** About how many ticks to place, 5 unless given. */
  ticks?: number;
  /** Widens the domain to whole ticks; on unless given. */
  nice?: boolean;
  format?: NumberFormat;
}

/** The number among 1, 2 and 5 times powers of ten that is nearest above `rough`. */
function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const multiple = [1, 2, 5, 10].find((candidate) => candidate * power >= rough * (1 - 1e-9))!;
  return multiple * power;
}

/** Removes the rounding noise of repeated addition, such as 0.30000000000000004. */
function clean(value: number): number {
  return Number(value.toPrecision(12));
}

const superscripts = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** Decimals needed to distinguish multiples of `step`. */
function decimalsOf(step: number): number {
  return Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
}

/** A small number as a power of ten with a mantissa where it is not 1: 10⁻⁴, 3·10⁻⁵. */
function powerOfTen(value: number): string {
  const exponent = Math.floor(Math.log10(Math.abs(value)) + 1e-9);
  const mantissa = clean(value / 10 ** exponent);
  const digits = [...String(Math.abs(exponent))].map((digit) => superscripts[Number(digit)]).join("");
  const power = `10${exponent < 0 ? "⁻" : ""}${digits}`;
  return mantissa === 1 ? power : `${Number(mantissa.toPrecision(3))}·${power}`;
}

/** A short form of a number: 12k, 3.5M, 0.002, 10⁻⁶; `step` is the distance to the next one, which sets the decimals. */
export function shortNumber(value: number, step = 0): string {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < 1e-3 && step < 1e-3) return powerOfTen(value);
  for (const [unit, suffix] of [
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
  ] as const) {
    if (size >= unit && (unit > 1e3 || size >= 1e4)) return `${shortFixed(value / unit, step / unit)}${suffix}`;
  }
  return shortFixed(value, step);
}

function shortFixed(value: number, step: number): string {
  if (step > 0) return value.toFixed(Math.min(decimalsOf(step), 12));
  return String(Number(value.toPrecision(3)));
}

/** A fraction as per cent, one decimal unless given: 0.623 is "62.3 %" with a no-break space. */
export function percent(fraction: number, decimals = 1): string {
  return `${inPercent(fraction, decimals)}\u00a0%`;
}

function labelOf(value: number, step: number, format: NumberFormat): string {
  return format === "percent" ? percent(value, step > 0 ? decimalsOf(100 * step) : 1) : shortNumber(value, step);
}

function linearScale({ domain, range, ticks: count = 5, nice = true, format = "number" }: ScaleOptions): Scale {
  let [low, high] = domain;
  // A constant, up to rounding, gets room on both sides.
  const size = Math.max(Math.abs(low), Math.abs(high));
  if (high - low <= 1e-9 * size || size < 1e-12) {
    const margin = size < 1e-12 ? 1 : 0.1 * size;
    low -= margin;
    high += margin;
  }
  const step = niceStep((high - low) / Math.max(count, 1));
  if (nice) {
    low = clean(Math.floor(low / step + 1e-9) * step);
    high = clean(Math.ceil(high / step - 1e-9) * step);
  }
  const ticks: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) ticks.push(clean(i * step));
  const [start, end] = range;
  return {
    domain: [low, high],
    ticks,
    map: (value) => start + ((value - low) / (high - low)) * (end - start),
    label: (tick) => labelOf(tick, step, format),
  };
}

function logScale({ domain, range, nice = true, format = "number", ticks: count = 5 }: ScaleOptions): Scale {
  let [low, high] = domain;
  if (!(low > 0)) throw new Error(`log axis: cannot show ${low}; give positive values or a linear axis`);
  if (low === high) {
    low /= 2;
    high *= 2;
  }
  // Whole decades where there are several; else 1, 2 and 5 of each.
  const decades = Math.log10(high / low);
  const multiples = decades > 2.5 ? [1] : [1, 2, 5];
  const candidates: number[] = [];
  for (let exponent = Math.floor(Math.log10(low)) - 1; exponent <= Math.ceil(Math.log10(high)) + 1; exponent++) {
    for (const multiple of multiples) candidates.push(clean(multiple * 10 ** exponent));
  }
  if (nice) {
    low = candidates.filter((candidate) => candidate <= low * (1 + 1e-9)).at(-1)!;
    high = candidates.find((candidate) => candidate >= high * (1 - 1e-9))!;
  }
  const inside = candidates.filter((tick) => tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9));
  const every = Math.max(1, Math.ceil(inside.length / (2 * Math.max(count, 1))));
  const [start, end] = range;
  const span = Math.log(high / low);
  // One notation for a whole axis: 10⁻³ beside 10⁻⁴, not 0.001.
  const small = format === "number" && inside.some((tick) => tick < 1e-3);
  return {
    domain: [low, high],
    ticks: inside.filter((_, i) => i % every === 0),
    map: (value) => start + (Math.log(value / low) / span) * (end - start),
    label: (tick) => (small && tick < 1 ? powerOfTen(tick) : labelOf(tick, 0, format)),
  };
}

/** Builds an axis scale. Throws when the domain is not finite, is reversed, or is not positive on a logarithmic axis. */
export function createScale(options: ScaleOptions): Scale {
  const [low, high] = options.domain;
  if (!Number.isFinite(low) || !Number.isFinite(high) || low > high) {
    throw new Error(`axis: domain [${low}, ${high}]; give two finite numbers, the smaller first`);
  }
  return options.type === "log" ? logScale(options) : linearScale(options);
}
