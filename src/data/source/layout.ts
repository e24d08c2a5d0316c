/** Derives classes and splits from paths: `class/file` or `split/class/file`, in a folder or in a tar file. */
import { naturalOrder } from "../../files/paths.js";
import type { SpecTarget } from "./types.js";

/** File names that are treated as images. */
export const imageName = /\.(jpe?g|png|webp|gif|tiff?|avif|bmp|heic|jfif)$/i;

/** Folder names that are treated as splits if every top folder has one of them. */
const splitName = /^(train|training|val|valid|validation|test|testing|dev|eval|evaluation)$/i;

/** One split: its files and their classes. */
export interface LaidOutSplit {
  readonly files: readonly string[];
  readonly labels: Int32Array;
}

/** The classes of a dataset (the same for all splits) and its splits in order. */
export interface Layout {
  readonly classNames: readonly string[];
  readonly splits: ReadonlyMap<string, LaidOutSplit>;
  readonly problems: readonly string[];
}

/** The single class of images that are opened without classes. */
export const unlabelledClass = "unlabelled";

/**
 * Where classes come from. `folders`: every image must be in a class folder. `ignored`: if some images are not, all have the single class
 * `unlabelledClass`. `replaced`: the labels will be replaced by those of a file, so images outside of class folders are included; the
 * classes are those of the folders, or `unlabelledClass` where there are none.
 */
export type ClassOrigin = "folders" | "ignored" | "replaced";

/** The origin of the classes of a spec: `labels=FILE` replaces them. */
export const classOrigin = ({ unlabelled, options }: SpecTarget): ClassOrigin =>
  options["labels"] !== undefined ? "replaced" : unlabelled === true ? "ignored" : "folders";

/**
 * Sorts files into splits and classes. Without split folders, the only split is called "all".
 *
 * @param where the folder or archive, for messages
 * @throws if no file is an image, or images are not in class folders and `origin` is `folders`.
 */
export function layOut(where: string, paths: readonly string[], origin: ClassOrigin = "folders"): Layout {
  const problems: string[] = [];
  const images = paths.filter((path) => imageName.test(path));
  const others = paths.filter((path) => !imageName.test(path) && path.includes("/"));
  if (others.length > 0)
    problems.push(`${others.length} file(s) that are not images were excluded, such as ${others[0]}`);
  if (images.length === 0) {
    const found =
      paths.length === 0
        ? "it has no files"
        : `none of its ${paths.length} files has an image's name (${paths.slice(0, 3).join(", ")})`;
    throw new Error(
      `there are no images in "${where}": ${found}; expected class/file.jpg or split/class/file.jpg (JPEG, PNG, WebP, GIF, TIFF, AVIF)`,
    );
  }
  const nested = images.filter((path) => path.includes("/"));
  const split = nested.length > 0 && nested.every((path) => splitName.test(topOf(path)));
  const depth = split ? 1 : 0;
  const isPlaced = (path: string): boolean => path.split("/").length > depth + 1;
  if (origin === "ignored" && !images.every(isPlaced)) {
    const splitOf = split && nested.length === images.length ? topOf : () => "all";
    return { ...sorted(images, splitOf, () => unlabelledClass), problems };
  }
  const members = origin === "replaced" && !split ? images : nested;
  if (members.length === 0) {
    throw new Error(
      `the ${images.length} images of "${where}" are not in class folders (${images[0]}); expected class/file.jpg or split/class/file.jpg, or a file of labels (?labels=FILE)`,
    );
  }
  if (members.length < images.length)
    problems.push(
      `${images.length - members.length} image(s) outside of class folders were excluded, such as ${images.find((path) => !path.includes("/"))}`,
    );
  const shallow = members.filter((path) => !isPlaced(path));
  if (shallow.length > 0 && origin !== "replaced") {
    throw new Error(
      `"${where}" has split folders, but ${shallow.length} image(s) in them are not in class folders (${shallow[0]}); expected split/class/file.jpg`,
    );
  }
  const classOf = (path: string): string | undefined => (isPlaced(path) ? path.split("/")[depth] : undefined);
  return { ...sorted(members, split ? topOf : () => "all", classOf), problems };
}

const topOf = (path: string): string => path.split("/")[0] ?? "";

/** Sorts files by split and class. Files without a class have the first label. */
function sorted(
  paths: readonly string[],
  splitOf: (path: string) => string,
  classOf: (path: string) => string | undefined,
): Omit<Layout, "problems"> {
  const folders = [...new Set(paths.map(classOf))].filter((name) => name !== undefined).sort(naturalOrder);
  const classNames = folders.length > 0 ? folders : [unlabelledClass];
  const labels = new Map<string | undefined, number>(classNames.map((name, i) => [name, i]));
  const labelOf = (path: string): number => labels.get(classOf(path)) ?? 0;
  const files = new Map<string, string[]>();
  for (const path of paths) {
    const name = splitOf(path);
    const list = files.get(name);
    if (list) list.push(path);
    else files.set(name, [path]);
  }
  const splits = new Map<string, LaidOutSplit>();
  for (const [name, members] of [...files].sort(([a], [b]) => splitOrder(a, b))) {
    // Sorted by class, so that the order of examples does not depend on the order of the file system or the archive.
    members.sort((a, b) => labelOf(a) - labelOf(b) || naturalOrder(a, b));
    splits.set(name, { files: members, labels: Int32Array.from(members, labelOf) });
  }
  return { classNames, splits };
}

/** Compares splits in their usual order: train, validation, test, then others by name. */
export function splitOrder(a: string, b: string): number {
  const rank = (name: string): number =>
    [/^train/i, /^(val|dev)/i, /^(test|eval)/i].findIndex((pattern) => pattern.test(name));
  const [left, right] = [rank(a), rank(b)].map((x) => (x < 0 ? 3 : x)) as [number, number];
  return left - right || naturalOrder(a, b);
}
