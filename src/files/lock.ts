/** Locks a folder for one process at a time, on any machine that mounts the folder; locks of dead processes are ignored. */

import { randomUUID } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { link, open, readFile, rename, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { closeOnError } from "./closable.js";

/** The lock is held by another process. */
export class LockError extends Error {
  override name = "LockError";
}

export interface FolderLock {
  /** Throws LockError if another process has taken the lock over, which may happen to a process that was suspended for long. */
  check(): Promise<void>;
  release(): Promise<void>;
}

/** Times in milliseconds. */
export interface LockTimes {
  /** Interval at which the holder updates its file. */
  readonly heartbeat: number;
  /** A holder on another machine is considered dead if it has not updated its file for this long. */
  readonly staleAfter: number;
}

const defaultTimes: LockTimes = { heartbeat: 5_000, staleAfter: 60_000 };
/** Name of the file in a locked folder. */
export const lockName = "run.lock";

/** The process that holds a lock. */
interface Holder {
  readonly token: string;
  readonly pid: number;
  readonly host: string;
  /** Namespace of its process ids: a boot of a machine, or a container. */
  readonly processes: string;
  /** Distinguishes the process from a later one with the same id. */
  readonly started: string;
}

const tried = <T>(read: () => T): T | undefined => {
  try {
    return read();
  } catch {
    return undefined;
  }
};

/** Start time of a process, in ticks after the boot (proc(5), field 22); "" if the system does not provide it. */
function startOf(pid: number): string {
  const text = tried(() => readFileSync(`/proc/${pid}/stat`, "utf8"));
  // The second field is the name of the program in parentheses, which may contain spaces.
  return text?.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

const processSpace = (): string =>
  [
    tried(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()),
    tried(() => readlinkSync("/proc/self/ns/pid")),
  ].join();

function isRunning({ pid, started }: Holder): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
  }
  return startOf(pid) === started;
}

/** Reads the holder of the lock; undefined if there is none. An invalid file has no holder. */
async function holderOf(file: string): Promise<Holder | undefined> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const {
    token = "",
    pid = 0,
    host = "",
    processes = "",
    started = "",
  } = (tried(() => JSON.parse(text)) ?? {}) as Partial<Holder>;
  return { token, pid, host, processes, started };
}

/** Modification time of the file, by the clock of its file system; undefined if it does not exist. */
const touched = (file: string): Promise<number | undefined> =>
  stat(file).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  );

/**
 * Whether the holder is alive. If its process ids are in our namespace, it is looked up. Otherwise it must update the file, for which this
 * waits at most `staleAfter`.
 */
async function isAlive(holder: Holder, file: string, own: string, times: LockTimes): Promise<boolean> {
  if (holder.token === "") return false;
  if (holder.host === hostname() && holder.processes === processSpace()) return isRunning(holder);
  const first = await touched(file);
  const now = await touched(own);
  if (first === undefined || now === undefined) return false;
  let left = times.staleAfter - (now - first);
  for (; left > 0; left -= times.heartbeat) {
    await sleep(Math.min(left, times.heartbeat));
    const last = await touched(file);
    if (last === undefined) return false;
    if (last !== first) return true;
  }
  return false;
}

/** Renames a file unless the new name exists. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return false;
    // On a file system without hard links, two processes that start in the same millisecond may both reach this line.
    if ((await touched(to)) !== undefined) return false;
    await rename(from, to);
    return true;
  }
}

/**
 * Locks an existing folder. Locks of dead processes are taken over: immediately if the process was on this machine, after a minute without
 * an update if it was on another.
 *
 * @throws LockError with the process that holds it, and the errors of the disk.
 */
export async function lockFolder(folder: string, times: LockTimes = defaultTimes): Promise<FolderLock> {
  const file = join(folder, lockName);
  const holder: Holder = {
    token: randomUUID(),
    pid: process.pid,
    host: hostname(),
    processes: processSpace(),
    started: startOf(process.pid),
  };
  const text = `${JSON.stringify(holder)}\n`;
  const refuse = (other: Holder): LockError =>
    new LockError(
      `${folder} is in use by process ${other.pid} on ${other.host}; wait until it ends or stop it, or choose another folder`,
    );
  const own = join(folder, `.writing-${process.pid}-${holder.token}`);
  // The handle stays open: writes to it reach this process's lock, and never one that replaced it.
  const handle = await open(own, "wx");
  try {
    await closeOnError(handle, async () => {
      await handle.write(text, 0);
      if (!(await linked(own, file))) {
        const other = await holderOf(file);
        if (other && (await isAlive(other, file, own, times))) throw refuse(other);
        // If several processes take over concurrently, the last one to rename its file has the lock.
        await rename(own, file);
        await sleep(100);
      }
    });
  } finally {
    await rm(own, { force: true });
  }
  const check = async (): Promise<void> => {
    const other = await holderOf(file);
    if (other?.token !== holder.token) {
      throw other ? refuse(other) : new LockError(`${file} was removed while this process used ${folder}`);
    }
  };
  const beat = setInterval(() => {
    // Not `utimes`: the time must come from the file system's clock, which all machines share.
    handle.write(text, 0).catch(() => undefined);
  }, times.heartbeat);
  beat.unref();
  const close = async (): Promise<void> => {
    clearInterval(beat);
    await handle.close();
  };
  await closeOnError({ close }, check);
  return {
    check,
    release: async () => {
      await close();
      if ((await holderOf(file))?.token === holder.token) await rm(file, { force: true });
    },
  };
}
