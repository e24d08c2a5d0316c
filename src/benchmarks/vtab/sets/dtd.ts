/**
 * Reads Describable Textures (Cimpoi et al. 2014): dtd/images/class/file.jpg, split by the lists of the first of its
 * ten folds.
 */
import { SourceError } from "../protocol/task.js";
import { linesOf, listedSplits } from "./listed.js";
import { withTree } from "./places.js";
import type { PublishedRequest, VtabDefinition } from "./set.js";
import type { StoredSet } from "./stored.js";
import { plainLabel } from "./tfds.js";

/** The lists of fold 1 by TFDS's names of the splits. */
const lists: Readonly<Record<string, string>> = { train: "train1", validation: "val1", test: "test1" };

export const dtd: VtabDefinition = {
  name: "dtd",
  title: "DTD",
  group: "natural",
  sizes: { train: 1880, validation: 1880, test: 1880 },
  classNames: { count: 47 },
  folders: ["dtd"],
  cuts: { train: "train", validation: "validation", test: "test" },
  tfds: { name: "dtd", version: "3.", label: plainLabel() },
  parquet: {},
  published,
  origin: {
    files: [
      {
        url: "https://www.robots.ox.ac.uk/~vgg/data/dtd/download/dtd-r1.0.1.tar.gz",
        bytes: 625239812,
        sha256: "e42855a52a4950a3b59612834602aa253914755c95b0cff9ead6d07395f8e205",
      },
    ],
    instructions: "The archive, packed or unpacked.",
    licence: "for research",
    order: "TFDS 3, from its records or derived for the published lists of fold 1 from the MD5 of class/file",
  },
};

const tree = { root: "dtd", marker: "labels", archives: ["dtd-r1.0.1.tar.gz", "dtd-r1.0.1.tar"] };

function published(
  places: readonly string[],
  { needed, classNames: expected }: PublishedRequest,
): Promise<StoredSet | undefined> {
  return withTree(places, tree, async (files) => {
    const lines = new Map<string, string[]>();
    for (const split of needed) lines.set(split, linesOf(await files.read(`labels/${lists[split]}.txt`)));
    const classOf = (line: string): string => line.slice(0, line.indexOf("/"));
    const classNames = [...new Set([...lines.values()].flat().map(classOf))].sort();
    if (classNames.length !== expected.length) {
      throw new SourceError(
        `the lists of "${files.path}" have ${classNames.length} classes; expected ${expected.length}`,
      );
    }
    const listed = [...lines].map(([split, own]) => {
      const list = own.map((line) => ({
        name: `images/${line}`,
        key: line,
        label: classNames.indexOf(classOf(line)),
      }));
      return [split, list] as const;
    });
    return listedSplits(files, classNames, new Map(listed));
  });
}
