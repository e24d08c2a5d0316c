/**
 * Reads datasets that are published as class folders without splits: EuroSAT and Resisc45. TFDS stores them as one
 * split, train. When the benchmark was made, TFDS used the path of a file as its key, so the order depended on the
 * folders of one machine. Today's key is class_file.
 */
import { basename } from "node:path";
import { classFolders } from "./class-folders.js";
import { listedSplits } from "./listed.js";
import { type StoredFiles, type Tree, withTree } from "./places.js";
import type { PublishedRequest } from "./set.js";
import type { StoredSet } from "./stored.js";

/** Describes the order of the examples in these tasks. */
export const singleSplitOrder = (version: string): string =>
  `TFDS ${version} if its records are read: the records that it hosts have the benchmark's order. The published files have the order of today's TFDS, by the MD5 of class_file. The benchmark used the MD5 of paths on the machine that prepared the records, so its training and test images differ.`;

/** Returns the function that reads such a dataset from one of these trees. */
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
    found: `the published files in ${files.path}, in the order of today's TFDS, which differs from the benchmark's`,
  };
}
