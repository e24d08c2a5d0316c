/** Replaces a folder with a new one, whole or not at all: a process that is killed anywhere leaves the old one or the new one. */

import { randomUUID } from "node:crypto";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { isTemporary, syncFolder } from "./atomic.js";
import { exchange as exchangeBySystem } from "./exchange.js";
import { makeFolder } from "./folder.js";

export interface ReplaceOptions {
  /**
   * Which files of the old folder, as paths in it with `/`, are ours and replaced. Any other goes over to the new folder, and
   * is never deleted. Default: all are ours.
   */
  readonly isOurs?: (path: string) => boolean;
  /** Exchanges two folders in one step, or returns false where that cannot be done. */
  readonly exchange?: (first: string, second: string) => Promise<boolean>;
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/**
 * Puts a folder in place once `fill` has filled it. Until then whatever stood there stays, and on failure still stands.
 *
 * The two folders are exchanged in one step. Where the system cannot do that, the old folder is renamed before the new one
 * takes its name; a process that is killed between the two leaves it as `FOLDER.replaced-...`, which the next call puts back.
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

/** Gives the name of the folder to the new one; returns where the old one is now, undefined where there was none. */
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

/** Moves what is not ours from one folder into another. What has a file of its name there stays behind, and is kept beside it. */
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

/** `FILE.1`, or with the first number that no file has. */
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

/** Folders that processes of this machine left when they were killed: not filled yet, or replaced and not removed yet. */
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

/** Gives an old folder its name again where a process was killed before the new one had it. */
async function putBack(folder: string): Promise<void> {
  if (await exists(folder)) return;
  const [old] = await leftovers(folder, "replaced");
  if (old !== undefined) await rename(old, folder);
}
