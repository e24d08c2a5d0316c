/** Replaces a folder by a new one atomically: if the process is killed, either the old or the new one remains. */

import { randomUUID } from "node:crypto";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { isTemporary, syncFolder } from "./atomic.js";
import { exchange as exchangeBySystem } from "./exchange.js";
import { makeFolder } from "./folder.js";

export interface ReplaceOptions {
  /**
   * Selects the files of the old folder, as paths in it with `/`, that belong to us and are replaced. All others are moved to the new folder and
   * never deleted. Default: all files are ours.
   */
  readonly isOurs?: (path: string) => boolean;
  /** Exchanges two folders in one step, or returns false if this is not supported. */
  readonly exchange?: (first: string, second: string) => Promise<boolean>;
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/**
 * Replaces a folder after `fill` has filled the new one. Until then the old folder stays in place, and on failure it remains.
 *
 * The two folders are exchanged in one step. If the system does not support this, the old folder is renamed before the new one takes its name.
 * A process that is killed in between leaves it as `FOLDER.replaced-...`, which the next call restores.
 */
export async function replaceFolder(
  folder: string,
  fill: (incoming: string) => Promise<void>,
  options: ReplaceOptions = {},
): Promise<void> {
  const { isOurs, exchange = exchangeBySystem } = options;
  if (isOurs) await putBack(folder);
  const own = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
  const incoming = `${folder}.writing-${own}`;
  makeFolder(incoming, folder);
  try {
    await fill(incoming);
  } catch (error) {
    await rm(incoming, { recursive: true, force: true });
    throw error;
  }
  const old = await putInPlace(incoming, folder, `${folder}.replaced-${own}`, exchange);
  await syncFolder(dirname(folder));
  if (isOurs) {
    if (old !== undefined) await moveOthers(old, folder, isOurs);
    for (const left of await leftovers(folder)) {
      await moveOthers(left, folder, isOurs);
      await rm(left, { recursive: true, force: true });
    }
  }
  if (old !== undefined) await rm(old, { recursive: true, force: true });
}

/** Moves the new folder to its final name; returns the path of the old one, or undefined if there was none. */
async function putInPlace(
  incoming: string,
  folder: string,
  aside: string,
  exchange: (first: string, second: string) => Promise<boolean>,
): Promise<string | undefined> {
  if (!(await exists(folder))) {
    await rename(incoming, folder);
    return undefined;
  }
  if (await exchange(incoming, folder)) return incoming;
  await rename(folder, aside);
  try {
    await rename(incoming, folder);
  } catch (error) {
    await rename(aside, folder);
    throw error;
  }
  return aside;
}

/** Moves files that are not ours from one folder to another. If a file with the same name exists there, it is kept beside it. */
async function moveOthers(from: string, to: string, isOurs: (path: string) => boolean, below = ""): Promise<void> {
  for (const entry of await readdir(join(from, below), { withFileTypes: true })) {
    const path = below === "" ? entry.name : `${below}/${entry.name}`;
    const target = join(to, path);
    if (isOurs(path) || isTemporary(entry.name)) continue;
    if (entry.isDirectory() && (await exists(target))) {
      await moveOthers(from, to, isOurs, path);
    } else if (entry.isDirectory() && (await holdsOurs(from, path, isOurs))) {
      await mkdir(target);
      await moveOthers(from, to, isOurs, path);
    } else {
      await rename(join(from, path), (await exists(target)) ? await freeName(target) : target);
    }
  }
}

async function holdsOurs(from: string, folder: string, isOurs: (path: string) => boolean): Promise<boolean> {
  for (const entry of await readdir(join(from, folder), { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`;
    if (isOurs(path) || (entry.isDirectory() && (await holdsOurs(from, path, isOurs)))) return true;
  }
  return false;
}

/** `FILE.1`, or the same with the first unused number. */
async function freeName(path: string): Promise<string> {
  for (let n = 1; ; n++) if (!(await exists(`${path}.${n}`))) return `${path}.${n}`;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Folders left by killed processes of this machine: not filled completely, or replaced and not removed yet. */
async function leftovers(folder: string, kind = "(?:writing|replaced)"): Promise<readonly string[]> {
  const start = `${basename(folder)}.`;
  const pattern = new RegExp(`^${kind}-(.*)-(\\d+)-[0-9a-f]{8}$`);
  const names = await readdir(dirname(folder)).catch(() => []);
  const left = names.filter((name) => {
    const [, host, pid] = (name.startsWith(start) && pattern.exec(name.slice(start.length))) || [];
    return host === hostname() && !isRunning(Number(pid));
  });
  return left.map((name) => join(dirname(folder), name));
}

/** Restores the name of an old folder if a process was killed before the new one took it. */
async function putBack(folder: string): Promise<void> {
  if (await exists(folder)) return;
  const [old] = await leftovers(folder, "replaced");
  if (old !== undefined) await rename(old, folder);
}
