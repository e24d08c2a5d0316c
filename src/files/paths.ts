/** Paths of datasets: clear errors for wrong paths, file listings, and the order of class names. */

import { type Dirent, existsSync, readdirSync } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { append } from "../text/arrays.js";
import { didYouMean } from "../text/nearest.js";

/** Throws if `path` does not exist, with the nearest existing folder and the most similar entry in it. */
export function requirePath(path: string): void {
  if (existsSync(path)) return;
  let missing = resolve(path);
  while (!existsSync(dirname(missing)) && dirname(missing) !== missing) missing = dirname(missing);
  const parent = dirname(missing);
  let hint = "";
  try {
    hint = didYouMean(basename(missing), readdirSync(parent));
  } catch {
    hint = "; it cannot be listed";
  }
  throw new Error(
    `there is no "${path}": the nearest existing folder is ${parent}, and it has no "${basename(missing)}"${hint}`,
  );
}

/** Maximum depth of folders. */
const maxDepth = 12;

/** A link that has not been followed yet: its path and depth. */
interface Link {
  readonly path: string;
  readonly depth: number;
}

export interface FileList {
  readonly files: string[];
  readonly problems: readonly string[];
  /** The problems due to which images are missing. */
  readonly unreadable: readonly string[];
}

/**
 * Lists the files under a folder as sorted paths relative to it, with "/" between the parts; hidden files are skipped. Links are followed after
 * all regular entries, and every file and folder is listed once: a link to one that is listed already (a loop, a second name) is skipped and
 * reported in `problems`. Folders that cannot be read are reported there and in `unreadable`, because images are missing then.
 *
 * @throws if the folder itself cannot be read.
 */
export async function listFiles(root: string): Promise<FileList> {
  const files: string[] = [];
  const problems: string[] = [];
  const unreadable: string[] = [];
  const repeated: string[] = [];
  // Real paths of the listed entries.
  const seen = new Set<string>();
  let links: Link[] = [];

  const add = async (path: string, real: string, isFile: boolean, depth: number): Promise<void> => {
    if (!isFile && depth >= maxDepth) problems.push(`${path} is more than ${maxDepth} folders deep and was not read`);
    else if (seen.has(real)) repeated.push(path);
    else {
      seen.add(real);
      if (isFile) files.push(path);
      else await walk(path, real, depth + 1);
    }
  };
  const entriesOf = async (relative: string, real: string): Promise<readonly Dirent[]> => {
    try {
      return await readdir(real, { withFileTypes: true });
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const reason = code === "EACCES" ? "this user may not read it" : message;
      if (relative === "") throw new Error(`the folder "${root}" cannot be read: ${reason}`, { cause: error });
      unreadable.push(`the folder ${join(root, relative)} cannot be read (${reason}); its files were excluded`);
      return [];
    }
  };
  const walk = async (relative: string, real: string, depth: number): Promise<void> => {
    for (const entry of await entriesOf(relative, real)) {
      if (entry.name.startsWith(".")) continue;
      const path = relative === "" ? entry.name : `${relative}/${entry.name}`;
      if (entry.isSymbolicLink()) links.push({ path, depth });
      else if (entry.isFile() || entry.isDirectory()) await add(path, join(real, entry.name), entry.isFile(), depth);
    }
  };

  const realRoot = await realpath(root);
  seen.add(realRoot);
  await walk("", realRoot, 0);
  while (links.length > 0) {
    const found = links.sort((a, b) => naturalOrder(a.path, b.path));
    // Links within linked folders are followed after these.
    links = [];
    for (const { path, depth } of found) {
      const real = await realpath(join(root, path)).catch(() => undefined);
      if (real === undefined) {
        problems.push(`${path} is a link to nowhere`);
        continue;
      }
      const target = await stat(real).catch(() => undefined);
      if (!target) problems.push(`${path} is a link to what cannot be read`);
      else if (target.isFile() || target.isDirectory()) await add(path, real, target.isFile(), depth);
    }
  }
  if (repeated.length > 0) {
    const count = repeated.length === 1 ? "1 link leads" : `${repeated.length} links lead`;
    problems.push(
      `${count} to files or folders that are listed already, and ${repeated.length === 1 ? "was" : "were"} skipped, such as ${repeated[0]}`,
    );
  }
  append(problems, unreadable);
  files.sort(naturalOrder);
  return { files, problems, unreadable };
}

/** Entries of a folder; empty if it cannot be read. Used to recognise the kind of a folder before it is read completely. */
export function entriesIfReadable(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

/** Licence and readme files directly in a folder. */
export function licenceFilesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^(licen[cs]e|copying|notice|readme)/i.test(name))
      .sort();
  } catch {
    return [];
  }
}

/** Compares names with runs of digits as numbers: "2" before "10", "IMG_9" before "IMG_10". */
export function naturalOrder(a: string, b: string): number {
  const left = a.match(/\d+|\D+/g) ?? [];
  const right = b.match(/\d+|\D+/g) ?? [];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const x = left[i]!;
    const y = right[i]!;
    if (x === y) continue;
    if (/^\d/.test(x) && /^\d/.test(y)) {
      const difference = compareDigits(x, y);
      if (difference !== 0) return difference;
    }
    return x < y ? -1 : 1;
  }
  return left.length - right.length;
}

function compareDigits(x: string, y: string): number {
  const left = x.replace(/^0+/, "");
  const right = y.replace(/^0+/, "");
  if (left.length !== right.length) return left.length - right.length;
  return left === right ? 0 : left < right ? -1 : 1;
}
