/**
 * Parses network specs: a name or path and, after "?", settings joined by "&":
 * `model.safetensors?heads=4&layerNormEpsilon=1e-5`. Specs are accepted wherever a network is.
 */
import { existsSync } from "node:fs";
import { WeightsError } from "../formats/error.js";
import type { GeluForm } from "../graph/index.js";
import { didYouMean } from "../text/nearest.js";

/** An option and how its value is parsed; `read` returns undefined for an invalid value. */
export interface SpecOption<T> {
  readonly expected: string;
  read(value: string): T | undefined;
}

type Values<T> = { readonly [K in keyof T]?: T[K] extends SpecOption<infer V> ? V : never };

/**
 * Splits a spec into its name and the options as text. An existing file or folder with a "?" in its name is not split.
 */
export function splitSpec(spec: string): {
  readonly name: string;
  readonly options: readonly (readonly [string, string])[];
} {
  const at = spec.lastIndexOf("?");
  if (at < 0 || existsSync(spec)) return { name: spec, options: [] };
  return { name: spec.slice(0, at), options: [...new URLSearchParams(spec.slice(at + 1))] };
}

/**
 * The same with the options parsed by a table of known ones. Throws WeightsError for unknown options and invalid
 * values.
 */
export function readOptions<T extends Readonly<Record<string, SpecOption<unknown>>>>(
  spec: string,
  known: T,
): { readonly name: string; readonly given: Values<T> } {
  const { name, options } = splitSpec(spec);
  const given: Record<string, unknown> = {};
  for (const [option, value] of options) {
    if (!Object.hasOwn(known, option)) {
      const names = Object.keys(known);
      const meant = didYouMean(option, names);
      throw new WeightsError(
        `"${spec}" has an unknown option "${option}"${meant || ";"} a network takes ${names.join(", ")}`,
      );
    }
    const { expected, read } = known[option] as SpecOption<unknown>;
    const found = read(value);
    if (found === undefined) throw new WeightsError(`"${spec}": ${option} must be ${expected}, not "${value}"`);
    if (Object.hasOwn(given, option)) throw new WeightsError(`"${spec}" gives ${option} twice`);
    given[option] = found;
  }
  return { name, given: given as Values<T> };
}

/** [height, width] of "224" or "224,448". */
function readSides(value: string): readonly [number, number] | undefined {
  const sides = value.split(",").map(Number);
  const [height = 0, width = height] = sides;
  const whole = sides.length <= 2 && [height, width].every((side) => Number.isInteger(side) && side > 0);
  return whole ? [height, width] : undefined;
}

const sides: SpecOption<readonly [number, number]> = {
  expected: "a side in pixels or HEIGHT,WIDTH",
  read: readSides,
};

/** Options after the name of a network with its own weights. */
export const networkOptions = {
  heads: {
    expected: "a whole number of attention heads",
    read: (value) => (/^[1-9]\d{0,3}$/.test(value) ? Number(value) : undefined),
  } as SpecOption<number>,
  layerNormEpsilon: {
    expected: "a number above 0 and below 1, such as 1e-6",
    read: (value) => (Number(value) > 0 && Number(value) < 1 ? Number(value) : undefined),
  } as SpecOption<number>,
  gelu: {
    expected: "erf, tanh or quick",
    read: (value) => (value === "erf" || value === "tanh" || value === "quick" ? value : undefined),
  } as SpecOption<GeluForm>,
  /** Size of the images it was trained on, if its grid of patches is not square. */
  sourceImage: sides,
  /** Size of the images to use it with; learned positions are resized. */
  size: sides,
} as const;

/** The parsed spec of a network. */
export interface NetworkSpec {
  /** The name or path alone. */
  readonly name: string;
  /** Settings that take precedence over those in the file. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly sourceImage: readonly [number, number] | undefined;
  /** [height, width] in pixels */
  readonly size: readonly [number, number] | undefined;
}

/** Parses the spec of a network with its own weights. Throws WeightsError for an unknown option or an invalid value. */
export function parseNetworkSpec(spec: string): NetworkSpec {
  const { name, given } = readOptions(spec, networkOptions);
  const { sourceImage, size, ...config } = given;
  return { name, config, sourceImage, size };
}
