/** Caltech101 (Fei-Fei et al. 2004): 101_ObjectCategories/class/image_0001.jpg, 101 classes of objects and one of clutter. */
import { naturalOrder } from "../../../files/paths.js";
import { createNumpyChoice } from "../../../random/numpy-legacy.js";
import { SourceError } from "../protocol/task.js";
import { classFolders } from "./class-folders.js";
import { listedSplits } from "./listed.js";
import { withTree } from "./places.js";
import type { PublishedRequest, VtabDefinition } from "./set.js";
import type { StoredSet } from "./stored.js";
import { plainLabel } from "./tfds.js";

/** TFDS trains on so many images of a class, drawn after `numpy.random.seed(1234)`, and tests on the others. */
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
      "It is called 101_ObjectCategories.tar.gz; as an archive or unpacked. It is a part of caltech-101.zip at https://data.caltech.edu/records/mzrjq-6wc02 too.",
    licence: "CC BY 4.0",
    order:
      "TFDS 3 from its records. From the published files the same draw of 30 images a class is made over sorted names, since TFDS's depends on the order in which a file system lists them: the split is not the one of the benchmark. Then TFDS's order by MD5 of class/file.",
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
    // TFDS's names of classes are lower case; their folders' names are not, and keys are made of those.
    const all = classFolders(files, classNames.length, (folder) => folder.toLowerCase());
    const choose = createNumpyChoice(seed);
    const trained = new Set<string>();
    for (const [label, name] of all.classNames.entries()) {
      const own = all.names.filter((_, i) => all.labels[i] === label).sort(naturalOrder);
      if (own.length <= trainedOf)
        throw new SourceError(`"${files.path}" has ${own.length} images of ${name}; more than ${trainedOf} are needed`);
      for (const chosen of choose(own, trainedOf)) trained.add(chosen);
    }
    const images = all.names.map((name, i) => ({ name, label: all.labels[i]! }));
    const lists = needed.map(
      (split) => [split, images.filter(({ name }) => trained.has(name) === (split === "train"))] as const,
    );
    return {
      ...listedSplits(files, all.classNames, new Map(lists)),
      found: `the published files in ${files.path}; their split of 30 images a class is not TFDS's`,
    };
  });
}
