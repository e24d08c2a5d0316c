/**
 * Reads KITTI's object detection dataset (Geiger et al. 2012): training/image_2/000000.png with
 * training/label_2/000000.txt. The splits hold whole drives; the development kit lists the drive of each image.
 */
import { join } from "node:path";
import { createNumpyChoice } from "../../../random/numpy-legacy.js";
import { SourceError } from "../protocol/task.js";
import { kittiClasses, kittiDistance, kittiTypes } from "./labels.js";
import { type ListedFile, linesOf, listedSplits } from "./listed.js";
import { type StoredFiles, withTree } from "./places.js";
import type { PublishedRequest, VtabDefinition } from "./set.js";
import type { StoredSet } from "./stored.js";
import { type FeatureLabel, numbersOf } from "./tfds.js";

/** TFDS 3.1.0 tests on 10 % of the drives and validates on another 10 %, drawn after `numpy.random.seed(123)`. */
const heldOutPercent = 10;
const seed = 123;
/** The type DontCare marks regions whose objects are not annotated. */
const unlabelled = "DontCare";

const bucket = "https://s3.eu-central-1.amazonaws.com/avg-kitti";

const tfdsLabel: FeatureLabel = {
  name: "kitti closest vehicle",
  features: ["objects/type", "objects/location"],
  of: (features) => {
    const types = numbersOf(features, "objects/type");
    const locations = numbersOf(features, "objects/location");
    if (locations.length !== 3 * types.length)
      throw new Error(`has ${types.length} objects and ${locations.length} coordinates instead of three each`);
    return kittiDistance(Array.from(types, (type, i) => ({ type, depth: locations[3 * i + 2]! })));
  },
};

export const kittiDistanceTask: VtabDefinition = {
  name: "kitti-distance",
  title: "KITTI-Dist",
  group: "structured",
  sizes: { train: 6347, validation: 423, test: 711 },
  classNames: kittiClasses,
  folders: ["kitti"],
  cuts: { train: "train", validation: "validation", test: "test" },
  tfds: { name: "kitti", version: "3.1.0", label: tfdsLabel },
  published,
  origin: {
    files: [
      {
        url: `${bucket}/data_object_image_2.zip`,
        bytes: 12569945557,
        sha256: "351c5a2aa0cd9238b50174a3a62b846bc5855da256b82a196431d60ff8d43617",
      },
      {
        url: `${bucket}/data_object_label_2.zip`,
        bytes: 5601213,
        sha256: "4efc76220d867e1c31bb980bbf8cbc02599f02a9cb4350effa98dbb04aaed880",
      },
      {
        url: `${bucket}/devkit_object.zip`,
        bytes: 63778,
        sha256: "cfde67e531832618ea0fd4844f91e34a45068025e2bef79e278cb812dc2537d0",
      },
    ],
    instructions: "The archives (read in place) or unpacked (folders training and mapping). The whole image is used.",
    licence: "CC BY-NC-SA 3.0",
    order:
      "TFDS 3.1.0, from its records or derived for the published files: TFDS's draw of drives, ordered by the MD5 of the file's name",
  },
};

const labelsTree = { root: "training", marker: "label_2", archives: ["data_object_label_2.zip"] };
const imagesTree = { root: "training", marker: "image_2", archives: ["data_object_image_2.zip"] };
const kitTree = { root: "mapping", marker: "train_rand.txt", archives: ["devkit_object.zip"] };

function published(
  places: readonly string[],
  { needed, classNames }: PublishedRequest,
): Promise<StoredSet | undefined> {
  return withTree(places, labelsTree, async (labels) => {
    const absent = (what: string): SourceError => new SourceError(`${what} must lie beside ${labels.path}`);
    const kitPlaces = places.flatMap((place) => [place, join(place, "devkit_object"), join(place, "devkit")]);
    const drawn = await withTree(kitPlaces, kitTree, async (kit) => {
      const splits = await driveSplits(kit);
      await kit.close();
      return splits;
    });
    if (!drawn) throw absent("devkit_object.zip (or its folder mapping)");
    const splits = new Map<string, ListedFile[]>();
    for (const split of needed) {
      const list: ListedFile[] = [];
      for (const number of drawn[split as keyof typeof drawn]) {
        const own = String(number).padStart(6, "0");
        const label = await labelOf(labels, `label_2/${own}.txt`);
        list.push({ name: `image_2/${own}.png`, key: `${own}.png`, label });
      }
      splits.set(split, list);
    }
    const found = await withTree(places, imagesTree, async (images) => listedSplits(images, classNames, splits));
    if (!found) throw absent("data_object_image_2.zip (or its folder image_2)");
    await labels.close();
    return found;
  });
}

/**
 * Computes the class of an image from its text file: type, ..., x, y and z of every object (readme of the development
 * kit).
 */
async function labelOf(files: StoredFiles, name: string): Promise<number> {
  const objects = linesOf(await files.read(name)).flatMap((line, i) => {
    const values = line.split(/\s+/);
    const type = kittiTypes.indexOf(values[0] as (typeof kittiTypes)[number]);
    const depth = Number(values[13]);
    if (values[0] === unlabelled) return [];
    if (type < 0 || values.length < 15 || !Number.isFinite(depth))
      throw new SourceError(
        `"${files.path}", ${name}, line ${i + 1}: "${line}" is not the description of an object; expected a type and its coordinates`,
      );
    return [{ type, depth }];
  });
  return kittiDistance(objects);
}

/** Returns the image numbers of each split. All images of a drive are in one split. */
export async function driveSplits(kit: StoredFiles): Promise<Record<"train" | "validation" | "test", number[]>> {
  const text = Buffer.from(await kit.read("train_rand.txt")).toString("utf8");
  const mapping = linesOf(await kit.read("train_mapping.txt"));
  const images = new Map<string, number[]>();
  for (const [image, lineNumber] of text.split(",").entries()) {
    // "2011_09_26 2011_09_26_drive_0005_sync 0000000109": date, drive and frame; lines are counted from 1.
    const drive = mapping[Number(lineNumber) - 1]?.split(" ")[1];
    if (drive === undefined) {
      throw new SourceError(
        `"${kit.path}", train_rand.txt: image ${image} is line "${lineNumber.trim().slice(0, 20)}" of train_mapping.txt, which has ${mapping.length} lines; fetch the development kit again`,
      );
    }
    images.set(drive, [...(images.get(drive) ?? []), image]);
  }
  const drives = [...images.keys()].sort();
  const count = Math.max(1, Math.floor((heldOutPercent * drives.length) / 100));
  const choose = createNumpyChoice(seed);
  const test = new Set(choose(drives, count));
  const validation = new Set(
    choose(
      drives.filter((drive) => !test.has(drive)),
      count,
    ),
  );
  const of = (wanted: (drive: string) => boolean): number[] =>
    [...images].flatMap(([drive, own]) => (wanted(drive) ? own : []));
  return {
    train: of((drive) => !test.has(drive) && !validation.has(drive)),
    validation: of((drive) => validation.has(drive)),
    test: of((drive) => test.has(drive)),
  };
}
