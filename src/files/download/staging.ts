/** Folders of unfinished downloads, each used by one process at a time. */
import { readdir, rename, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DownloadError } from "../cache.js";
import { makeFolder } from "../folder.js";
import { type FolderLock, LockError, lockFolder, lockName } from "../lock.js";
import { replaceFolder } from "../replace-folder.js";
import { downloadContext } from "./context.js";

/** Milliseconds between two attempts to lock a folder. */
const interval = 500;

/**
 * Fills a folder of the cache with the files that `fill` downloads to `FOLDER.download`, which replace it when all are there. If a download or the
 * process ends before, they stay and the next call continues. Other processes that fill the same folder wait, then find out by `isDone` whether there
 * is still something to do.
 *
 * Throws what `fill` throws, the reason of the context's signal, and errors of the disk.
 */
export async function fillFolder(
  folder: string,
  isDone: () => Promise<boolean>,
  fill: (staging: string) => Promise<void>,
  note: (text: string) => void = () => {},
): Promise<void> {
  const { signal } = downloadContext();
  const staging = `${folder}.download`;
  const { lock, hasWaited } = await locked(staging, note, signal);
  let isKept = false;
  try {
    if (hasWaited && (await isDone())) return;
    await fill(staging);
    await replaceFolder(folder, async (incoming) => {
      const names = (await readdir(staging)).filter((name) => name !== lockName && !name.endsWith(".part.json"));
      for (const name of names) await rename(join(staging, name), join(incoming, name));
    });
  } catch (error) {
    isKept = error instanceof DownloadError || signal?.aborted === true;
    throw error;
  } finally {
    const names = isKept ? [] : await readdir(staging);
    for (const name of names) if (name !== lockName) await rm(join(staging, name), { recursive: true, force: true });
    await lock.release();
    // fails where something is kept, or another process has locked it meanwhile
    await rmdir(staging).catch(() => undefined);
  }
}

async function locked(
  staging: string,
  note: (text: string) => void,
  signal: AbortSignal | undefined,
): Promise<{ readonly lock: FolderLock; readonly hasWaited: boolean }> {
  for (let attempt = 0; ; attempt++) {
    makeFolder(staging);
    try {
      return { lock: await lockFolder(staging), hasWaited: attempt > 0 };
    } catch (error) {
      // the process that held it may have removed the folder in between
      const isGone = (error as NodeJS.ErrnoException).code === "ENOENT";
      if (!isGone && !(error instanceof LockError)) throw error;
      if (attempt === 0) note(`waiting for another process that downloads to ${staging}`);
    }
    await sleep(interval, undefined, { signal });
  }
}
