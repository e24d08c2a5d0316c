/** Generated sets: pictures of shapes on a ground plane whose content is known, for counting and other questions. */

import { didYouMean } from "../../text/nearest.js";
import { layOutScene, type SceneOptions } from "../scene/layout.js";
import { renderScene, splitSeed } from "../scene/render.js";
import { colours, type Scene, shapes } from "../scene/types.js";
import { checkIndex, type ImageSet, type SourceKind } from "./types.js";

/** What is asked about a picture: its classes, and the label of a scene. */
interface Question {
  readonly counts: readonly [number, number];
  classNames(counts: readonly [number, number]): readonly string[];
  label(scene: Scene, counts: readonly [number, number]): number;
}

/** Distances of the nearest object that cut scenes of 1 to 5 objects into six classes of about equal size. */
const distanceEdges = [8.7, 9, 9.3, 9.6, 10.2] as const;

const questions: Readonly<Record<string, Question>> = {
  count: {
    counts: [1, 9],
    classNames: ([low, high]) => Array.from({ length: high - low + 1 }, (_, i) => String(low + i)),
    label: ({ objects }, [low]) => objects.length - low,
  },
  shape: { counts: [1, 1], classNames: () => shapes, label: ({ objects }) => shapes.indexOf(objects[0]!.shape) },
  color: { counts: [1, 1], classNames: () => colours, label: ({ objects }) => colours.indexOf(objects[0]!.colour) },
  distance: {
    counts: [1, 5],
    classNames: () => [...distanceEdges.map((edge) => `nearer than ${edge}`), `from ${distanceEdges.at(-1)}`],
    label: ({ objects }) => distanceEdges.filter((edge) => objects[0]!.distance >= edge).length,
  },
};

export const generatedKind: SourceKind = {
  summary:
    "generated pictures: generated:shapes?label=count|shape|color|distance&counts=1-9&size=64&length=2000&seed=0",
  options: ["label", "counts", "size", "length", "seed"],
  recognises: () => false,
  read: async ({ path, options, spec }) => {
    if (path !== "shapes")
      throw new Error(`There is no generated set "${path}"${didYouMean(path, ["shapes"]) || ";"} there is shapes.`);
    return readShapes(spec, options);
  },
};

async function readShapes(spec: string, options: Readonly<Record<string, string>>): Promise<ImageSet> {
  const wanted = options["label"] === "colour" ? "color" : (options["label"] ?? "count");
  const question = Object.hasOwn(questions, wanted) ? questions[wanted] : undefined;
  if (!question)
    throw new Error(`"${spec}": label must be one of ${Object.keys(questions).join(", ")}, not "${wanted}".`);
  const counts = countRange(spec, options["counts"], question.counts);
  const size = wholeNumber(spec, "size", options["size"], 64, 8, 2048);
  const length = wholeNumber(spec, "length", options["length"], 2000, 1, 100_000_000);
  const seed = wholeNumber(spec, "seed", options["seed"], 0, 0, Number.MAX_SAFE_INTEGER);
  const scenes: SceneOptions = { height: size, width: size, minCount: counts[0], maxCount: counts[1] };
  return {
    splits: ["train", "validation", "test"],
    problems: [],
    licenceFiles: [],
    open: async (split) => {
      const ownSeed = splitSeed(seed, split);
      const source = { name: spec, length };
      let labels: Int32Array | undefined;
      const allLabels = (): Int32Array => {
        labels ??= Int32Array.from({ length }, (_, i) => question.label(layOutScene(ownSeed, i, scenes).scene, counts));
        return labels;
      };
      return {
        ...source,
        split,
        classNames: question.classNames(counts),
        // Made when first asked for: a thread that only renders does not lay out every scene of the set.
        get labels() {
          return allLabels();
        },
        recipe: { kind: "open", spec, split },
        idOf: (index) => `${spec}/${split}#${index}`,
        get: async (index) => {
          checkIndex(source, index);
          const layout = layOutScene(ownSeed, index, scenes);
          return {
            id: `${spec}/${split}#${index}`,
            label: question.label(layout.scene, counts),
            image: renderScene(layout, size, size),
            scene: layout.scene,
          };
        },
        close: async () => undefined,
      };
    },
  };
}

function countRange(
  spec: string,
  text: string | undefined,
  usual: readonly [number, number],
): readonly [number, number] {
  if (text === undefined) return usual;
  const match = /^(\d+)(?:-(\d+))?$/.exec(text);
  const low = Number(match?.[1]);
  const high = Number(match?.[2] ?? match?.[1]);
  if (!match || low < 1 || high > 12 || low > high)
    throw new Error(`"${spec}": counts must be a number or a range within 1-12, such as 1-9, not "${text}".`);
  return [low, high];
}

function wholeNumber(
  spec: string,
  name: string,
  text: string | undefined,
  usual: number,
  low: number,
  high: number,
): number {
  if (text === undefined) return usual;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < low || value > high)
    throw new Error(`"${spec}": ${name} must be a whole number from ${low} to ${high}, not "${text}".`);
  return value;
}
