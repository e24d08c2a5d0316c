/** Generates the dataset `shapes`: images of shapes on a ground plane with known content, for counting and other tasks. */

import { closable } from "../../files/closable.js";
import { reach, splitSeed } from "../../images/generated/scene/index.js";
import {
  colours,
  layOutScene,
  renderScene,
  type Scene,
  type SceneObject,
  type SceneOptions,
  type Shape,
  shapes,
} from "../../images/index.js";
import { choiceOption, type SpecOptions, wholeNumberOption } from "../source/option-values.js";
import { checkIndex, type ImageSet, type ImageSource } from "../source/types.js";

/** A classification task over scenes: its classes, and the label of a scene. */
interface Question {
  readonly counts: readonly [number, number];
  /** Shapes used in scenes, if the label is not defined for all shapes. */
  readonly shapes?: readonly Shape[];
  classNames(counts: readonly [number, number]): readonly string[];
  label(scene: Scene, counts: readonly [number, number]): number;
}

/** Thresholds on the distance of the nearest object that divide scenes of 1 to 5 objects into six classes of similar size. */
const distanceEdges = [8.7, 9, 9.3, 9.6, 10.2] as const;

/** Attributes of the only object of a scene. */
const sizes = ["small", "large"] as const;
const materials = ["matte", "shiny"] as const;
/** Boxes look the same after a quarter turn; their rotation is divided into six classes of 15 degrees. */
const turns = 6;
/** Position of an object: the ground in three parts of equal width from left to right, and from far to near. */
const places = ["far", "middle", "near"].flatMap((z) => ["left", "centre", "right"].map((x) => `${z} ${x}`));
const third = (value: number): number => (value < -reach / 3 ? 0 : value < reach / 3 ? 1 : 2);

const aboutOne = (classNames: readonly string[], label: (object: SceneObject) => number): Question => ({
  counts: [1, 1],
  classNames: () => classNames,
  label: ({ objects }) => label(objects[0]!),
});

const questions = {
  count: {
    counts: [1, 9],
    classNames: ([low, high]) => Array.from({ length: high - low + 1 }, (_, i) => String(low + i)),
    label: ({ objects }, [low]) => objects.length - low,
  },
  shape: aboutOne(shapes, ({ shape }) => shapes.indexOf(shape)),
  color: aboutOne(colours, ({ colour }) => colours.indexOf(colour)),
  size: aboutOne(sizes, ({ size }) => sizes.indexOf(size)),
  material: aboutOne(materials, ({ material }) => materials.indexOf(material)),
  place: aboutOne(places, ({ position: [x, , z] }) => 3 * third(z) + third(x)),
  rotation: {
    ...aboutOne(
      Array.from({ length: turns }, (_, i) => `${15 * i} to ${15 * (i + 1)} degrees`),
      ({ rotation }) => Math.floor((turns * rotation) / (Math.PI / 2)),
    ),
    shapes: ["box"],
  },
  distance: {
    counts: [1, 5],
    classNames: () => [...distanceEdges.map((edge) => `nearer than ${edge}`), `from ${distanceEdges.at(-1)}`],
    label: ({ objects }) => distanceEdges.filter((edge) => objects[0]!.distance >= edge).length,
  },
} satisfies Readonly<Record<string, Question>>;

type QuestionName = keyof typeof questions;

/** Names of the tasks. */
export const sceneQuestions = Object.keys(questions) as [QuestionName, ...QuestionName[]];

export const shapesOptions = ["label", "counts", "size", "length", "seed"] as const;
export const shapesSummary = `generated:shapes?label=${sceneQuestions.join("|")}&counts=1-9&size=64&length=2000&seed=0`;

/** Opens the dataset of a spec `generated:shapes?...`. Throws for an invalid option. */
export function readShapes({ spec, options: given }: SpecOptions): ImageSet {
  const target = { spec, options: given["label"] === "colour" ? { ...given, label: "color" } : given };
  const question: Question = questions[choiceOption(target, "label", sceneQuestions)];
  const counts = countRange(spec, given["counts"], question.counts);
  const size = wholeNumberOption(target, "size", 64, 8, 2048);
  const length = wholeNumberOption(target, "length", 2000, 1, 100_000_000);
  const seed = wholeNumberOption(target, "seed", 0, 0, Number.MAX_SAFE_INTEGER);
  const scenes: SceneOptions = {
    height: size,
    width: size,
    minCount: counts[0],
    maxCount: counts[1],
    shapes: question.shapes,
  };
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
      return closable<ImageSource>({
        ...source,
        split,
        classNames: question.classNames(counts),
        // Computed at first use: a thread that only renders does not need the labels of all scenes.
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
      });
    },
  };
}

function countRange(
  spec: string,
  text: string | undefined,
  fallback: readonly [number, number],
): readonly [number, number] {
  if (text === undefined) return fallback;
  const match = /^(\d+)(?:-(\d+))?$/.exec(text);
  const low = Number(match?.[1]);
  const high = Number(match?.[2] ?? match?.[1]);
  if (!match || low < 1 || high > 12 || low > high)
    throw new Error(`"${spec}": invalid counts "${text}"; expected a number or a range within 1-12, such as 1-9`);
  return [low, high];
}
