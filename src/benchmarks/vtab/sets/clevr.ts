/** Reads CLEVR v1.0 (Johnson et al. 2017): images/train/CLEVR_train_000000.png and scenes/CLEVR_train_scenes.json. */
import { SourceError } from "../protocol/task.js";
import { scenesIn } from "./clevr-scenes.js";
import { clevrClasses, clevrCount, clevrDistance } from "./labels.js";
import { type ListedFile, listedSplits } from "./listed.js";
import { withTree } from "./places.js";
import type { PublishedRequest, VtabDefinition } from "./set.js";
import type { StoredSet } from "./stored.js";
import { type FeatureLabel, numbersOf } from "./tfds.js";

/** The published names of TFDS's splits. The published test images have no scenes, so the benchmark tests on val. */
const storedNames: Readonly<Record<string, string>> = { train: "train", validation: "val" };

interface Question {
  readonly title: string;
  readonly classNames: readonly string[];
  /** Computes the class of a scene from the depths of its objects. */
  classOf(depths: readonly number[]): number;
}

const questions = {
  count: { title: "Clevr-Count", classNames: clevrClasses.count, classOf: (depths) => clevrCount(depths.length) },
  distance: { title: "Clevr-Dist", classNames: clevrClasses.distance, classOf: clevrDistance },
} satisfies Record<string, Question>;

function tfdsLabel(question: string, { classOf }: Question): FeatureLabel {
  return {
    name: `clevr ${question}`,
    features: ["objects/pixel_coords"],
    of: (features) => {
      const coordinates = numbersOf(features, "objects/pixel_coords");
      if (coordinates.length % 3 !== 0)
        throw new Error(`has ${coordinates.length} numbers in objects/pixel_coords instead of three for each object`);
      return classOf(Array.from({ length: coordinates.length / 3 }, (_, i) => coordinates[3 * i + 2]!));
    },
  };
}

function clevr(question: keyof typeof questions): VtabDefinition {
  const asked: Question = questions[question];
  return {
    name: `clevr-${question}`,
    title: asked.title,
    group: "structured",
    sizes: { train: 63000, validation: 7000, test: 15000 },
    classNames: asked.classNames,
    folders: ["clevr", "CLEVR_v1.0"],
    cuts: { train: "train[:90%]", validation: "train[90%:]", test: "validation" },
    tfds: { name: "clevr", version: "3.", label: tfdsLabel(question, asked) },
    published: (places, request) => published(places, request, asked),
    origin: {
      files: [
        {
          url: "https://dl.fbaipublicfiles.com/clevr/CLEVR_v1.0.zip",
          bytes: 19021600724,
          sha256: "5cd61cf1096ed20944df93c9adb31e74d189b8459a94f54ba00090e5c59936d1",
        },
      ],
      instructions: "The archive (read in place) or unpacked.",
      licence: "CC BY 4.0",
      order: "TFDS 3, from its records or derived for the published files from the MD5 of the file's name",
    },
  };
}

export const clevrCountTask = clevr("count");
export const clevrDistanceTask = clevr("distance");

const tree = { root: "CLEVR_v1.0", marker: "scenes", archives: ["CLEVR_v1.0.zip"] };

function published(
  places: readonly string[],
  { needed, classNames }: PublishedRequest,
  { classOf }: Question,
): Promise<StoredSet | undefined> {
  return withTree(places, tree, async (files) => {
    const splits = new Map<string, ListedFile[]>();
    for (const split of needed) {
      const name = storedNames[split]!;
      const path = `scenes/CLEVR_${name}_scenes.json`;
      if (!files.has(path)) throw new SourceError(`"${files.path}" has no ${path}; unpack the dataset again`);
      const list: ListedFile[] = [];
      for (const { image, depths } of scenesIn(await files.read(path), `${files.path}/${path}`)) {
        try {
          list.push({ name: `images/${name}/${image}`, key: image, label: classOf(depths) });
        } catch (error) {
          const problem = (error as Error).message;
          throw new SourceError(`"${files.path}", ${path}: ${image} has ${problem}`, { cause: error });
        }
      }
      splits.set(split, list);
    }
    return listedSplits(files, classNames, splits);
  });
}
