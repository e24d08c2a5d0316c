/** Makes folders and protects files from being replaced; says what stands in the way where that fails. */
import { accessSync, constants, existsSync, mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";

/**
 * Makes a folder and those above it that are missing; one that is there stays as it is. Messages call it `shown`, by default its
 * own name.
 *
 * @throws naming the folder above that is on a read-only disk, may not be written to, or is a file. Node itself reports ENOENT for
 *   a read-only disk, as if something was missing.
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
 * Checks that a folder may be made or written to, before work whose result goes there. Makes nothing.
 *
 * @throws naming the nearest folder that exists and why nothing can be written there.
 */
export function requireWritableFolder(folder: string): void {
  const code = codeOf(() => accessSync(nearestExisting(folder), constants.W_OK));
  if (code === undefined && statSync(nearestExisting(folder)).isDirectory()) return;
  throw new Error(`cannot write to the folder ${folder}: ${obstacle(folder, code) ?? code}`);
}

function nearestExisting(folder: string): string {
  let above = resolve(folder);
  // A path below a file is no missing entry but an error.
  while (!tried(() => statSync(above, { throwIfNoEntry: false })) && dirname(above) !== above) above = dirname(above);
  return above;
}

/** What stands in the way of a folder: something about the nearest path above it that is there. */
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

/** Throws when the file is there already and may not be replaced. */
export function refuseExisting(file: string, overwrite: boolean | undefined): void {
  if (!existsSync(file) || overwrite) return;
  throw new Error(`${file} exists already; choose another name, or replace it with --overwrite`);
}
