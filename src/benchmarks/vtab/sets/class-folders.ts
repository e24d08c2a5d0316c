/**
 * Reads datasets that are published as one folder of images per class: the files of each class, and the order of the
 * classes.
 */
import { imageName } from "../../../data/source/index.js";
import { naturalOrder } from "../../../files/paths.js";
import { SourceError } from "../protocol/task.js";
import type { StoredFiles } from "./places.js";

/** The images of a folder tree by class. */
export interface ClassFolders {
  readonly classNames: readonly string[];
  /** Paths of images, class by class. */
  readonly names: readonly string[];
  readonly labels: readonly number[];
}

/**
 * Reads classes from paths "class/file".
 *
 * @param classes the expected number of classes
 * @param nameOf returns the class name of a folder
 * @throws SourceError for another number of classes; the error lists the folders.
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
      `"${path}" has ${classNames.length} folders of images (${classNames.slice(0, 5).join(", ")}); expected ${classes} classes; unpack the dataset again`,
    );
  }
  const labelOf = new Map(classNames.map((name, i) => [name, i]));
  return { classNames, names: images, labels: images.map((name) => labelOf.get(folderOf(name))!) };
}
