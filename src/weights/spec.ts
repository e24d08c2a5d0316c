/**
 * Network specs: a name or path and, after "?", settings joined by "&": `model.safetensors?heads=4&layerNormEpsilon=1e-5`.
 * Every place that takes a network takes them.
 */
import { existsSync } from "node:fs";
import { WeightsError } from "../formats/error.js";
import { didYouMean } from "../text/nearest.js";

/** How the value of an option is read; `read` gives undefined for one that is none. */
export interface SpecOption<T> {
  readonly expected: string;
  read(value: string): T | undefined;
}

type Values<T> = { readonly [K in keyof T]?: T[K] extends SpecOption<infer V> ? V : never };

/** Takes a spec apart into its name and the options as text. A file or folder whose name has a "?" is meant as it stands. */
export function splitSpec(spec: string): {
  readonly name: string;
  readonly options: readonly (readonly [string, string])[];
} {
  const at = spec.lastIndexOf("?");
  if (at < 0 || existsSync(spec)) return { name: spec, options: [] };
  return { name: spec.slice(0, at), options: [...new URLSearchParams(spec.slice(at + 1))] };
}

/** The same with the options read by a table of those that are known. Throws WeightsError for any other and for wrong values. */
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

/** What may follow the name of a network with weights of its own. */
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
    expected: "erf or tanh",
    read: (value) => (value === "erf" || value === "tanh" ? value : undefined),
  } as SpecOption<"erf" | "tanh">,
  /** The images it was trained on, where its grid of patches is no square. */
  sourceImage: sides,
  /** The images it is wanted for: learned positions are resized. */
  size: sides,
} as const;

/** What a spec says of a network. */
export interface NetworkSpec {
  /** The name or path alone. */
  readonly name: string;
  /** Settings that go before what the file says. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly sourceImage: readonly [number, number] | undefined;
  /** [height, width] in pixels */
  readonly size: readonly [number, number] | undefined;
}

/** Reads the spec of a network with weights of its own. Throws WeightsError for an unknown option or a value that is none. */
export function parseNetworkSpec(spec: string): NetworkSpec {
  const { name, given } = readOptions(spec, networkOptions);
  const { sourceImage, size, ...config } = given;
  return { name, config, sourceImage, size };
}
