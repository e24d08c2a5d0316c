/** Paths of sources: clear errors for wrong ones, a listing of files, and the order in which class names are sorted. */

import { existsSync, readdirSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { didYouMean } from "../../text/nearest.js";

/** Throws if nothing is at `path`, naming the nearest existing folder and the entry in it that was perhaps meant. */
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
    `There is no "${path}": the nearest existing folder is ${parent}, and it has no "${basename(missing)}"${hint || "."}`,
  );
}

/** How deep folders are followed; deeper ones are most likely a loop of links. */
const maxDepth = 12;

/** Lists the files under a folder as paths relative to it with "/" between the parts, sorted; hidden ones are left out, links are followed. */
export async function listFiles(root: string): Promise<{ files: string[]; problems: string[] }> {
  const files: string[] = [];
  const problems: string[] = [];
  const walk = async (relative: string, depth: number): Promise<void> => {
    const entries = await readdir(join(root, relative), { withFileTypes: true });
    for (const entry of entries) {
      if (entry.name.startsWith(".")) continue;
      const path = relative === "" ? entry.name : `${relative}/${entry.name}`;
      let isFile = entry.isFile();
      let isFolder = entry.isDirectory();
      if (entry.isSymbolicLink()) {
        try {
          const target = await stat(join(root, path));
          isFile = target.isFile();
          isFolder = target.isDirectory();
        } catch {
          problems.push(`${path} is a link to nowhere`);
        }
      }
      if (isFile) files.push(path);
      else if (isFolder && depth < maxDepth) await walk(path, depth + 1);
      else if (isFolder) problems.push(`${path} is more than ${maxDepth} folders deep and was not read`);
    }
  };
  await walk("", 0);
  files.sort(naturalOrder);
  return { files, problems };
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

/** Compares names so that runs of digits count as numbers: "2" before "10", "IMG_9" before "IMG_10". */
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
