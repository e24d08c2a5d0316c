/** Axes: rounded ticks, linear and logarithmic scales, and short number formats. */
import { inPercent } from "../text/format.js";

/** Format of a number on an axis or beside a bar. */
export type NumberFormat = "number" | "percent";

/** Maps data to drawing coordinates. */
export interface Scale {
  domain: [number, number];
  ticks: number[];
  map(value: number): number;
  label(tick: number): string;
}

/** Options of a scale. */
export interface ScaleOptions {
  /** Minimum and maximum to show. */
  domain: readonly [number, number];
  /** Drawing coordinates of both ends. */
  range: readonly [number, number];
  type?: "linear" | "log";
  /** Approximate number of ticks. Default: 5. */
  ticks?: number;
  /** Extend the domain to whole ticks. Default: true. */
  nice?: boolean;
  format?: NumberFormat;
}

/** The smallest number of the form 1, 2 or 5 times a power of ten that is at least `rough`. */
function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const multiple = [1, 2, 5, 10].find((candidate) => candidate * power >= rough * (1 - 1e-9))!;
  return multiple * power;
}

/** Removes rounding errors of repeated addition, such as 0.30000000000000004. */
function clean(value: number): number {
  return Number(value.toPrecision(12));
}

const superscripts = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** Number of decimals that distinguishes multiples of `step`. */
function decimalsOf(step: number): number {
  return Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
}

/** Formats a small number as a power of ten with a mantissa unless it is 1: 10⁻⁴, 3·10⁻⁵. */
function powerOfTen(value: number): string {
  const exponent = Math.floor(Math.log10(Math.abs(value)) + 1e-9);
  const mantissa = clean(value / 10 ** exponent);
  const digits = [...String(Math.abs(exponent))].map((digit) => superscripts[Number(digit)]).join("");
  const power = `10${exponent < 0 ? "⁻" : ""}${digits}`;
  return mantissa === 1 ? power : `${Number(mantissa.toPrecision(3))}·${power}`;
}

/** Short format of a number: 12k, 3.5M, 0.002, 10⁻⁶; `step` is the distance to the next tick, which determines the decimals. */
export function shortNumber(value: number, step = 0): string {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < 1e-3 && step < 1e-3) return powerOfTen(value);
  for (const [unit, suffix] of [
    [1e18, "E"],
    [1e15, "P"],
    [1e12, "T"],
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

/** Formats a fraction as per cent, by default with one decimal: 0.623 is "62.3 %" with a no-break space. */
export function percent(fraction: number, decimals = 1): string {
  return `${inPercent(fraction, decimals)}\u00a0%`;
}

function labelOf(value: number, step: number, format: NumberFormat): string {
  return format === "percent" ? percent(value, step > 0 ? decimalsOf(100 * step) : 1) : shortNumber(value, step);
}

function linearScale({ domain, range, ticks: count = 5, nice = true, format = "number" }: ScaleOptions): Scale {
  let [low, high] = domain;
  // A constant, up to rounding, gets space on both sides.
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

function logScale(options: ScaleOptions): Scale {
  const { domain, range, nice = true, format = "number", ticks: count = 5 } = options;
  let [low, high] = domain;
  if (!(low > 0)) throw new Error(`log axis: cannot show ${low}; give positive values or a linear axis`);
  if (low === high) {
    low /= 2;
    high *= 2;
  }
  if (high / low < 2) return narrowLogScale(options);
  // Several decades have ticks at powers of ten; otherwise at 1, 2 and 5 times these.
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
  // An axis has one notation: 10⁻³ beside 10⁻⁴, not 0.001.
  const small = format === "number" && inside.some((tick) => tick < 1e-3);
  return {
    domain: [low, high],
    ticks: inside.filter((_, i) => i % every === 0),
    map: (value) => start + (Math.log(value / low) / span) * (end - start),
    label: (tick) => (small && tick < 1 ? powerOfTen(tick) : labelOf(tick, 0, format)),
  };
}

/** A logarithmic axis over less than a factor of two, in which 1, 2 and 5 would leave at most one tick: its ticks are those of a linear axis. */
function narrowLogScale(options: ScaleOptions): Scale {
  const linear = linearScale(options);
  const [low, high] = linear.domain;
  const [start, end] = options.range;
  const map = (value: number) => start + (Math.log(value / low) / Math.log(high / low)) * (end - start);
  return { ...linear, map };
}

/** Creates an axis scale. Throws if the domain is not finite, is reversed, or is not positive on a logarithmic axis. */
export function createScale(options: ScaleOptions): Scale {
  const [low, high] = options.domain;
  if (!Number.isFinite(low) || !Number.isFinite(high) || low > high) {
    throw new Error(`axis: domain [${low}, ${high}]; give two finite numbers, the smaller first`);
  }
  return options.type === "log" ? logScale(options) : linearScale(options);
}
