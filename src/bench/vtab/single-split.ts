/** Published sets of class folders that have one split, which TFDS calls train: EuroSAT and Resisc45. */
import { basename } from "node:path";
import { classFolders } from "./class-folders.js";
import { listedSplits } from "./listed.js";
import { type StoredFiles, type Tree, withTree } from "./places.js";
import type { PublishedRequest } from "./set.js";
import type { StoredSet } from "./stored.js";

/** Reads such a set; TFDS's keys are class_file. */
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
  return listedSplits(files, classNames, new Map([["train", list]]));
}
