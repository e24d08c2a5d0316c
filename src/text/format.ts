/** Formats durations, byte counts and large counts for people. */

/** `0.4 s`, `12 s`, `3 min 05 s`, `2 h 07 min`, `3 d 04 h`: at most two units. Takes seconds; returns `?` for invalid durations. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return "?";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const two = (value: number) => String(value).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
  const hours = Math.round(seconds / 3600);
  return `${Math.floor(hours / 24)} d ${two(hours % 24)} h`;
}

function scaled(value: number, base: number, units: readonly string[], separator: string): string {
  if (!Number.isFinite(value)) return String(value);
  if (value < 0) return `-${scaled(-value, base, units, separator)}`;
  let unit = 0;
  // 999.5 rather than 1000, so that a value that would be printed as "1000 kB" uses the next unit.
  while (unit < units.length - 1 && value >= base * 0.9995) {
    value /= base;
    unit++;
  }
  const digits = unit === 0 ? (Number.isInteger(value) ? 0 : 2) : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  const name = units[unit]!;
  return name === "" ? value.toFixed(digits) : `${value.toFixed(digits)}${separator}${name}`;
}

/** Formats bytes in decimal units (1 kB = 1000 bytes) with three digits: `512 B`, `1.30 GB`. */
export function formatBytes(bytes: number): string {
  return scaled(bytes, 1000, ["B", "kB", "MB", "GB", "TB", "PB"], " ");
}

/** Formats a count with three digits: `950`, `22.1M`, `4.60G`, with the unit letters of published parameter and FLOP counts. */
export function formatCount(count: number): string {
  return scaled(count, 1000, ["", "k", "M", "G", "T", "P", "E"], "");
}

/** Formats an integer with thousands separators: `12,345`. */
export const groupDigits = (count: number): string => count.toLocaleString("en-US");

/** Formats a count with its noun: `1 image`, `3 images`, `2 classes` (from `class` and `classes`); `write` formats the count. */
export const plural = (
  count: number,
  one: string,
  many = `${one}s`,
  write: (count: number) => string = String,
): string => `${write(count)} ${count === 1 ? one : many}`;

/** Formats a fraction as per cent without the sign, for columns whose heading has it: `87.5`; "-" if it is undefined. */
export const inPercent = (share: number | undefined, decimals = 1): string =>
  share === undefined ? "-" : (100 * share).toFixed(decimals);

/** Formats a fraction as per cent: `87.5 %`. */
export const percent = (share: number, decimals = 1): string => `${inPercent(share, decimals)} %`;
