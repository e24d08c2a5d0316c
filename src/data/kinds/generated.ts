/** Generated sets: pictures made on demand from a seed, the same in every thread; nothing of them lies on disk. */
import { didYouMean } from "../../text/nearest.js";
import type { SpecOptions } from "../source/option-values.js";
import type { ImageSet, SourceKind } from "../source/types.js";
import { fractalsOptions, fractalsSummary, readFractals } from "./generated-fractals.js";
import { readShapes, shapesOptions, shapesSummary } from "./generated-shapes.js";

interface GeneratedSet {
  /** A spec with every option and what it takes. */
  readonly summary: string;
  readonly options: readonly string[];
  read(target: SpecOptions): ImageSet;
}

/** The generated sets by name. */
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
        `there is no generated set "${path}"${didYouMean(path, names) || ";"} there are ${names.join(", ")}`,
      );
    const wrong = Object.keys(options).find((name) => every.includes(name) && !set.options.includes(name));
    if (wrong !== undefined)
      throw new Error(
        `"${spec}": generated:${path} has no option "${wrong}"${didYouMean(wrong, set.options) || ";"} it takes ${set.options.join(", ")}`,
      );
    // Its pictures are named by what makes them: not by what a spec picks out of them (`exclude=`, `take=`), which names pictures.
    const own = Object.entries(options)
      .filter(([name]) => set.options.includes(name))
      .map(([name, value]) => `${name}=${value.replace(/[%&+]/g, encodeURIComponent)}`);
    return set.read({ spec: [`generated:${path}`, ...(own.length > 0 ? [own.join("&")] : [])].join("?"), options });
  },
};
