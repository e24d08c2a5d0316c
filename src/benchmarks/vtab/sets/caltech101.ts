/**
 * Reads Caltech101 (Fei-Fei et al. 2004): 101_ObjectCategories/class/image_0001.jpg, 101 classes of objects and one of
 * clutter.
 */
import { naturalOrder } from "../../../files/paths.js";
import { createNumpyChoice } from "../../../random/numpy-legacy.js";
import { SourceError } from "../protocol/task.js";
import { classFolders } from "./class-folders.js";
import { listedSplits } from "./listed.js";
import { withTree } from "./places.js";
import type { PublishedRequest, VtabDefinition } from "./set.js";
import type { StoredSet } from "./stored.js";
import { plainLabel } from "./tfds.js";

/** TFDS draws this many training images per class after `numpy.random.seed(1234)`; the others are the test split. */
const trainedOf = 30;
const seed = 1234;

export const caltech101: VtabDefinition = {
  name: "caltech101",
  title: "Caltech101",
  group: "natural",
  sizes: { train: 2754, validation: 306, test: 6084 },
  classNames: { count: 102 },
  folders: ["caltech101", "caltech-101"],
  cuts: { train: "train[:90%]", validation: "train[90%:]", test: "test" },
  tfds: { name: "caltech101", version: "3.", label: plainLabel() },
  parquet: {},
  published,
  origin: {
    files: [
      {
        url: "https://drive.google.com/uc?export=download&id=137RyRjvTBkBiIfeYBNZBtViDHQ6_Ewsp",
        bytes: 131740031,
        sha256: "af6ece2f339791ca20f855943d8b55dd60892c0a25105fcd631ee3d6430f9926",
      },
    ],
    instructions:
      "The archive 101_ObjectCategories.tar.gz, packed or unpacked. It is also a part of caltech-101.zip at https://data.caltech.edu/records/mzrjq-6wc02.",
    licence: "CC BY 4.0",
    order:
      "TFDS 3 if its records are read. For the published files, 30 images per class are drawn over sorted names and ordered by the MD5 of class/file. TFDS draws over the order in which a file system lists the names, so this split differs from the benchmark's.",
  },
};

const tree = {
  root: "101_ObjectCategories",
  marker: "BACKGROUND_Google",
  archives: ["101_ObjectCategories.tar.gz", "101_ObjectCategories.tar"],
};

function published(
  places: readonly string[],
  { needed, classNames }: PublishedRequest,
): Promise<StoredSet | undefined> {
  return withTree(places, tree, async (files) => {
    // TFDS's class names are lower case; its folder names are not, and the keys are made of the folder names.
    const all = classFolders(files, classNames.length, (folder) => folder.toLowerCase());
    const choose = createNumpyChoice(seed);
    const trained = new Set<string>();
    for (const [label, name] of all.classNames.entries()) {
      const own = all.names.filter((_, i) => all.labels[i] === label).sort(naturalOrder);
      if (own.length <= trainedOf)
        throw new SourceError(`"${files.path}" has ${own.length} images of ${name}; expected more than ${trainedOf}`);
      for (const chosen of choose(own, trainedOf)) trained.add(chosen);
    }
    const images = all.names.map((name, i) => ({ name, label: all.labels[i]! }));
    const lists = needed.map(
      (split) => [split, images.filter(({ name }) => trained.has(name) === (split === "train"))] as const,
    );
    return {
      ...listedSplits(files, all.classNames, new Map(lists)),
      found: `the published files in ${files.path}; the split of 30 images per class differs from TFDS's`,
    };
  });
}
