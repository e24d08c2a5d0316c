/** Opens generated datasets: images rendered on demand from a seed, the same in every thread, with nothing stored on disk. */
import { didYouMean } from "../../text/nearest.js";
import type { SpecOptions } from "../source/option-values.js";
import type { ImageSet, SourceKind } from "../source/types.js";
import { fractalsOptions, fractalsSummary, readFractals } from "./generated-fractals.js";
import { readShapes, shapesOptions, shapesSummary } from "./generated-shapes.js";

interface GeneratedSet {
  /** A spec with every option and its values. */
  readonly summary: string;
  readonly options: readonly string[];
  read(target: SpecOptions): ImageSet;
}

/** The generated datasets by name. */
export const generatedSets: Readonly<Record<string, GeneratedSet>> = {
  shapes: { summary: shapesSummary, options: shapesOptions, read: readShapes },
  fractals: { summary: fractalsSummary, options: fractalsOptions, read: readFractals },
};

const names = Object.keys(generatedSets);
const every = [...new Set(Object.values(generatedSets).flatMap(({ options }) => options))];

export const generatedKind: SourceKind = {
  summary: `generated pictures: ${Object.values(generatedSets)
    .map(({ summary }) => summary)
    .join(", ")}`,
  options: every,
  recognises: () => false,
  read: async ({ path, options, spec }) => {
    const set = Object.hasOwn(generatedSets, path) ? generatedSets[path] : undefined;
    if (!set)
      throw new Error(
        `unknown generated dataset "${path}"${didYouMean(path, names) || ";"} available: ${names.join(", ")}`,
      );
    const wrong = Object.keys(options).find((name) => every.includes(name) && !set.options.includes(name));
    if (wrong !== undefined)
      throw new Error(
        `"${spec}": generated:${path} has no option "${wrong}"${didYouMean(wrong, set.options) || ";"} available: ${set.options.join(", ")}`,
      );
    // Ids contain only the options that determine the images. Options that select images (`exclude=`, `take=`) refer to ids.
    const own = Object.entries(options)
      .filter(([name]) => set.options.includes(name))
      .map(([name, value]) => `${name}=${value.replace(/[%&+]/g, encodeURIComponent)}`);
    return set.read({ spec: [`generated:${path}`, ...(own.length > 0 ? [own.join("&")] : [])].join("?"), options });
  },
};
