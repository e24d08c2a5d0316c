/** Writes a file atomically: at every moment, even after a power failure or `kill -9`, either the old or the complete new file exists. */
import { type FileHandle, open, readdir, rename, rm, statfs } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { formatBytes } from "../text/format.js";

/** Prefix of files that are being written; loaders never match it. */
const temporaryPrefix = ".writing-";

/** Whether a file name is that of a file being written, or of one whose process was killed. */
export const isTemporary = (name: string): boolean => name.startsWith(temporaryPrefix);

/** Maximum size of one write call in bytes; the operating system's limit is 2 GiB. */
const maxWrite = 1 << 28;

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  let offset = 0;
  while (offset < bytes.byteLength) {
    const { bytesWritten } = await handle.write(bytes, offset, Math.min(maxWrite, bytes.byteLength - offset));
    offset += bytesWritten;
  }
}

/** Makes a rename or removal in a folder durable. Windows cannot open folders, and does not need this. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  await using handle = await open(folder, "r");
  await handle.sync();
}

/** Extends an error of a folder that is not writable, or of a full disk, by what to do and how much space is missing. */
async function explain(error: unknown, file: string, size: number): Promise<unknown> {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "EROFS" || code === "EACCES") {
    const reason = code === "EROFS" ? "is on a read-only disk" : "may not be written to by this user";
    const message = `${file} cannot be written: ${dirname(file)} ${reason}; choose another folder`;
    return Object.assign(new Error(message, { cause: error }), { code });
  }
  if (code !== "ENOSPC" && code !== "EDQUOT") return error;
  const free = await statfs(dirname(file)).then(
    ({ bavail, bsize }) => `, ${formatBytes(bavail * bsize)} free`,
    () => "",
  );
  const full = code === "ENOSPC" ? "the disk is full" : "the disk quota is used up";
  return Object.assign(
    new Error(
      `${full}: ${basename(file)} needs ${formatBytes(size)} in ${dirname(file)}${free}; nothing that was there is touched; free space and try again`,
      { cause: error },
    ),
    { code },
  );
}

/**
 * Writes chunks to a file through a temporary one in the same folder: write, fsync, rename, fsync the folder.
 *
 * On failure the temporary file is removed and the old file, if any, is unchanged; the error for a full disk reports the missing space.
 */
export async function writeFileAtomically(file: string, chunks: Iterable<Uint8Array>): Promise<void> {
  const temporary = join(dirname(file), `${temporaryPrefix}${process.pid}-${basename(file)}`);
  let handle: FileHandle | undefined;
  let size = 0;
  try {
    handle = await open(temporary, "w");
    const list = [...chunks];
    for (const chunk of list) size += chunk.byteLength;
    for (const chunk of list) await writeAll(handle, chunk);
    await handle.sync();
    await handle.close();
    handle = undefined;
    await rename(temporary, file);
    await syncFolder(dirname(file));
  } catch (error) {
    const explained = await explain(error, file, size);
    await handle?.close().catch(() => {});
    await rm(temporary, { force: true }).catch(() => {});
    throw explained;
  }
}

/** Removes temporary files of interrupted writes from a folder. A run's folder belongs to one process at a time. */
export async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (isTemporary(name) && !name.startsWith(`${temporaryPrefix}${process.pid}-`)) {
      await rm(join(folder, name), { force: true });
    }
  }
}
