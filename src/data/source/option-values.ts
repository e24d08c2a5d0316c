/** Parses option values in specs, and reports what was expected of an invalid one. */
import { didYouMean } from "../../text/nearest.js";

/** The options of a spec, with the spec itself for messages. */
export interface SpecOptions {
  readonly spec: string;
  readonly options: Readonly<Record<string, string>>;
}

/** Parses an integer from `low` to `high`; returns `fallback` if the option is not set. */
export function wholeNumberOption(
  { spec, options }: SpecOptions,
  name: string,
  fallback: number,
  low: number,
  high: number,
): number {
  const text = options[name];
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < low || value > high)
    throw new Error(`"${spec}": invalid ${name} "${text}"; expected an integer from ${low} to ${high}`);
  return value;
}

/** Parses a number from `low` to `high`; returns `fallback` if the option is not set. */
export function numberOption(
  { spec, options }: SpecOptions,
  name: string,
  fallback: number,
  low: number,
  high: number,
): number {
  const text = options[name];
  if (text === undefined) return fallback;
  const value = Number(text);
  if (text.trim() === "" || !(value >= low && value <= high))
    throw new Error(`"${spec}": invalid ${name} "${text}"; expected a number from ${low} to ${high}`);
  return value;
}

/** Parses one of `choices`; returns the first if the option is not set. */
export function choiceOption<T extends string>(
  { spec, options }: SpecOptions,
  name: string,
  choices: readonly [T, ...T[]],
): T {
  const text = options[name] ?? choices[0];
  const found = choices.find((choice) => choice === text);
  if (found === undefined)
    throw new Error(
      `"${spec}": unknown ${name} "${text}"${didYouMean(text, choices) || ";"} available: ${choices.join(", ")}`,
    );
  return found;
}
