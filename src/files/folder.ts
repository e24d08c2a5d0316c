/** Creates folders and protects files from being overwritten; errors report the reason and what to do. */
import { accessSync, constants, existsSync, mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";

/**
 * Creates a folder and its missing parents; an existing one is unchanged. Messages use the name `shown`, by default the folder's path.
 *
 * @throws with the parent that is on a read-only disk, not writable, or a file. Node itself reports ENOENT for a read-only disk, as if
 *   something was missing.
 */
export function makeFolder(folder: string, shown = folder): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw Object.assign(
      new Error(`cannot make the folder ${shown}: ${obstacle(folder, code) ?? message}`, { cause: error }),
      {
        code,
      },
    );
  }
}

/**
 * Checks that a folder can be created or written to, before work whose result is written there. Creates nothing.
 *
 * @throws with the nearest existing folder and the reason.
 */
export function requireWritableFolder(folder: string): void {
  const code = codeOf(() => accessSync(nearestExisting(folder), constants.W_OK));
  if (code === undefined && statSync(nearestExisting(folder)).isDirectory()) return;
  throw new Error(`cannot write to the folder ${folder}: ${obstacle(folder, code) ?? code}`);
}

function nearestExisting(folder: string): string {
  let above = resolve(folder);
  // A path below a file is an error rather than a missing entry.
  while (!tried(() => statSync(above, { throwIfNoEntry: false })) && dirname(above) !== above) above = dirname(above);
  return above;
}

/** Reason why a folder cannot be created, from its nearest existing parent. */
function obstacle(folder: string, code: string | undefined): string | undefined {
  const above = nearestExisting(folder);
  const found = tried(() => statSync(above, { throwIfNoEntry: false }));
  if (!found) return undefined;
  if (!found.isDirectory()) return `${above} is a file; choose another folder`;
  if (codeOf(() => accessSync(above, constants.W_OK)) === "EROFS") {
    return `${above} is on a read-only disk; choose a folder on another`;
  }
  if (code === "EACCES" || code === "EPERM")
    return `this user may not write to ${above}; choose another folder, or change its permissions`;
  return undefined;
}

const tried = <T>(read: () => T): T | undefined => {
  try {
    return read();
  } catch {
    return undefined;
  }
};

function codeOf(action: () => void): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}

/** Throws if the file exists and may not be overwritten. */
export function refuseExisting(file: string, overwrite: boolean | undefined): void {
  if (!existsSync(file) || overwrite) return;
  throw new Error(`${file} exists already; choose another name, or replace it with --overwrite`);
}
