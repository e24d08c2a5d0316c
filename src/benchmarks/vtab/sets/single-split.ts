/**
 * Published sets of class folders that have one split, which TFDS calls train: EuroSAT and Resisc45. TFDS took the path of a
 * file for its key when the benchmark was made, so its order was that of one machine's folders; today's key is class_file.
 */
import { basename } from "node:path";
import { classFolders } from "./class-folders.js";
import { listedSplits } from "./listed.js";
import { type StoredFiles, type Tree, withTree } from "./places.js";
import type { PublishedRequest } from "./set.js";
import type { StoredSet } from "./stored.js";

/** What their tasks say of their order. */
export const singleSplitOrder = (version: string): string =>
  `TFDS ${version} from its records: those it hosts have the benchmark's order. From the published files the order of today's TFDS, by MD5 of class_file; the benchmark's was by MD5 of paths on the machine that prepared the records, so its train and test images are others.`;

/** Reads such a set. */
export function singleSplit(trees: readonly Tree[]) {
  return async (places: readonly string[], { classNames }: PublishedRequest): Promise<StoredSet | undefined> => {
    for (const tree of trees) {
      const found = await withTree(places, tree, async (files) => trainOf(files, classNames.length));
      if (found) return found;
    }
    return undefined;
  };
}

function trainOf(files: StoredFiles, classes: number): StoredSet {
  const { classNames, names, labels } = classFolders(files, classes);
  const list = names.map((name, i) => ({
    name,
    label: labels[i]!,
    key: `${classNames[labels[i]!]}_${basename(name)}`,
  }));
  return {
    ...listedSplits(files, classNames, new Map([["train", list]])),
    found: `the published files in ${files.path}, in the order of today's TFDS, which is not the benchmark's`,
  };
}
