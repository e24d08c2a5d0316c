/**
 * Generates the dataset `fractals`: FractalDB (Kataoka et al. 2020, "Pre-training without Natural Images"; papers.md 10.5), whose classes
 * are iterated function systems.
 *
 * As published: the distribution and acceptance of systems, the chaos game and its scaling, the 25 weightings x patch patterns x 4 mirror
 * images of a class, patches, colours, and the recommended 362 px, 200,000 points, fill rate 0.2 and weight step 0.4.
 * Different: the random generator, hence the systems (published ones can be read from their CSV files). Every system depends only on (seed,
 * number), not on the random stream of the previous one. Points are drawn for each class and weighting, where the published code uses the
 * same random numbers for all. Splits other than training show the same classes with other points, patterns and orders of weightings; the
 * published dataset does not have such splits.
 */
import { statSync } from "node:fs";
import { closable } from "../../files/closable.js";
import { categorySystem } from "../../images/generated/fractal/index.js";
import { splitSeed } from "../../images/generated/scene/index.js";
import {
  categoryName,
  defaultFillRate,
  defaultWeightStep,
  type FractalStyle,
  type FractalSystem,
  fractalInstance,
  instanceRandoms,
  mostFillRate,
  type NamedSystem,
  readCategories,
  renderFractal,
  weighted,
  weightings,
} from "../../images/index.js";
import { choiceOption, numberOption, type SpecOptions, wholeNumberOption } from "../source/option-values.js";
import { checkIndex, type ImageSet, type ImageSource } from "../source/types.js";

export const fractalsOptions = [
  "categories",
  "instances",
  "size",
  "points",
  "padding",
  "draw",
  "pattern",
  "color",
  "fill",
  "weight",
  "seed",
] as const;

export const fractalsSummary =
  "generated:fractals?categories=1000|FILE&instances=1000&size=362&points=200000&padding=6&draw=patch|point&pattern=point|image&color=grey|color&fill=0.2&weight=0.4&seed=0";

/** The classes of a dataset: their names, and the system of each, which is searched for at first use. */
interface Categories {
  readonly names: readonly string[];
  system(category: number): FractalSystem;
}

/** Opens the dataset of a spec `generated:fractals?...`. Throws for an invalid option. */
export function readFractals(target: SpecOptions): ImageSet {
  const { spec } = target;
  const size = wholeNumberOption(target, "size", 362, 16, 2048);
  const style: FractalStyle = {
    size,
    points: wholeNumberOption(target, "points", 200_000, 100, 10_000_000),
    padding: wholeNumberOption(target, "padding", 6, 0, Math.floor(size / 4)),
    draw: choiceOption(target, "draw", ["patch", "point"]),
    pattern: choiceOption(target, "pattern", ["point", "image"]),
    colour: choiceOption(target, "color", ["grey", "color"]),
  };
  const seed = wholeNumberOption(target, "seed", 0, 0, Number.MAX_SAFE_INTEGER);
  const instances = wholeNumberOption(target, "instances", 1000, 1, 1_000_000);
  const factors = weightings(numberOption(target, "weight", defaultWeightStep, 0, 1));
  const categories = categoriesOf(target, seed);
  const length = categories.names.length * instances;
  return {
    splits: ["train", "validation", "test"],
    problems: [],
    licenceFiles: [],
    open: async (split) => {
      const ownSeed = splitSeed(seed, split);
      const source = { name: spec, length };
      let labels: Int32Array | undefined;
      return closable<ImageSource>({
        ...source,
        split,
        classNames: categories.names,
        get labels() {
          labels ??= Int32Array.from({ length }, (_, i) => Math.floor(i / instances));
          return labels;
        },
        recipe: { kind: "open", spec, split },
        idOf: (index) => `${spec}/${split}#${index}`,
        get: async (index) => {
          checkIndex(source, index);
          const label = Math.floor(index / instances);
          const instance = fractalInstance(ownSeed, label, index % instances);
          const image = renderFractal(
            weighted(categories.system(label), factors[instance.weighting]!),
            style,
            instanceRandoms(ownSeed, label, instance),
            instance.flip,
          );
          return { id: `${spec}/${split}#${index}`, label, image };
        },
        close: async () => undefined,
      });
    },
  };
}

function categoriesOf(target: SpecOptions, seed: number): Categories {
  const given = target.options["categories"] ?? "1000";
  if (/^\d+$/.test(given) || given === "") {
    const count = wholeNumberOption(target, "categories", 1000, 1, 1_000_000);
    const fill = numberOption(target, "fill", defaultFillRate, 0, mostFillRate);
    return {
      names: Array.from({ length: count }, (_, category) => categoryName(category)),
      system: (category) => categorySystem(seed, category, fill),
    };
  }
  if (target.options["fill"] !== undefined)
    throw new Error(`"${target.spec}": fill does not apply to categories read from ${given}; omit fill`);
  const read = categoriesFrom(given);
  return { names: read.map(({ name }) => name), system: (category) => read[category]!.system };
}

/** The file that was read last: all splits of a dataset read the same file. */
let lastRead: { readonly key: string; readonly categories: readonly NamedSystem[] } | undefined;

function categoriesFrom(path: string): readonly NamedSystem[] {
  const key = `${path} ${statSync(path, { throwIfNoEntry: false })?.mtimeMs}`;
  if (lastRead?.key !== key) lastRead = { key, categories: readCategories(path) };
  return lastRead.categories;
}
