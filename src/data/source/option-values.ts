/** Reads the values of options in specs, which are text, and says what was expected of a wrong one. */
import { didYouMean } from "../../text/nearest.js";

/** The spec's options, with the spec itself for messages. */
export interface SpecOptions {
  readonly spec: string;
  readonly options: Readonly<Record<string, string>>;
}

/** A whole number from `low` to `high`; `fallback` where the option is not given. */
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
    throw new Error(`"${spec}": ${name} must be a whole number from ${low} to ${high}, not "${text}"`);
  return value;
}

/** A number from `low` to `high`; `fallback` where the option is not given. */
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
    throw new Error(`"${spec}": ${name} must be a number from ${low} to ${high}, not "${text}"`);
  return value;
}

/** One of `choices`; the first where the option is not given. */
export function choiceOption<T extends string>(
  { spec, options }: SpecOptions,
  name: string,
  choices: readonly [T, ...T[]],
): T {
  const text = options[name] ?? choices[0];
  const found = choices.find((choice) => choice === text);
  if (found === undefined)
    throw new Error(
      `"${spec}": ${name} must be one of ${choices.join(", ")}, not "${text}"${didYouMean(text, choices) || "."}`,
    );
  return found;
}
