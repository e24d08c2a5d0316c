/** Published sets that are one folder of images a class: the entries of their trees, and the classes among them. */
import { imageName } from "../../../data/source/index.js";
import { naturalOrder } from "../../../files/paths.js";
import { SourceError } from "../protocol/task.js";
import type { StoredFiles } from "./places.js";

/** The images of a tree by class. */
export interface ClassFolders {
  readonly classNames: readonly string[];
  /** Paths of images, class by class. */
  readonly names: readonly string[];
  readonly labels: readonly number[];
}

/**
 * Reads classes from paths "class/file".
 *
 * @param classes how many there must be
 * @param nameOf what a folder's class is called
 * @throws SourceError for another number of classes, naming the folders there are.
 */
export function classFolders(
  { path, names }: StoredFiles,
  classes: number,
  nameOf: (folder: string) => string = (folder) => folder,
): ClassFolders {
  const images = names.filter((name) => imageName.test(name) && name.split("/").length === 2);
  const folderOf = (name: string): string => nameOf(name.slice(0, name.indexOf("/")));
  const classNames = [...new Set(images.map(folderOf))].sort(naturalOrder);
  if (classNames.length !== classes) {
    throw new SourceError(
      `"${path}" has ${classNames.length} folders of images (${classNames.slice(0, 5).join(", ")}) where ${classes} classes were expected; unpack the set again`,
    );
  }
  const labelOf = new Map(classNames.map((name, i) => [name, i]));
  return { classNames, names: images, labels: images.map((name) => labelOf.get(folderOf(name))!) };
}
