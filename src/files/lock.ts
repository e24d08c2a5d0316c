/** A lock on a folder, for one process at a time, on any machine that sees the folder; that of a dead process does not count. */

import { randomUUID } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { link, open, readFile, rename, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { closeOnError } from "./closable.js";

/** A lock that another process holds. */
export class LockError extends Error {
  override name = "LockError";
}

export interface FolderLock {
  /** Throws LockError where another process has taken the lock over, as it may from a process that was suspended for long. */
  check(): Promise<void>;
  release(): Promise<void>;
}

/** Times in milliseconds. */
export interface LockTimes {
  /** The holder touches its file this often. */
  readonly heartbeat: number;
  /** A holder on another machine that has not touched its file for so long is dead. */
  readonly staleAfter: number;
}

const defaultTimes: LockTimes = { heartbeat: 5_000, staleAfter: 60_000 };
const lockName = "run.lock";

/** Who holds a lock. */
interface Holder {
  readonly token: string;
  readonly pid: number;
  readonly host: string;
  /** What process ids are counted in: a boot of a machine, a container. */
  readonly processes: string;
  /** Tells the process from a later one with its id. */
  readonly started: string;
}

const tried = <T>(read: () => T): T | undefined => {
  try {
    return read();
  } catch {
    return undefined;
  }
};

/** When a process was started, in ticks after the boot (proc(5), field 22); "" where the system does not say. */
function startOf(pid: number): string {
  const text = tried(() => readFileSync(`/proc/${pid}/stat`, "utf8"));
  // The second field is the name of the program in parentheses, which may hold spaces.
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

/** Who holds the lock; undefined where nobody does. A file that cannot be read as one is nobody's. */
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

/** The time at which the file was last touched, by the clock of its file system; undefined where it is gone. */
const touched = (file: string): Promise<number | undefined> =>
  stat(file).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  );

/**
 * Does the holder live? One whose process ids are ours is looked up; any other shows it by touching the file, for which this
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

/** Gives a file another name unless there is a file of that name already. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return false;
    // A file system without hard links: two processes that start in the same millisecond may both get here.
    if ((await touched(to)) !== undefined) return false;
    await rename(from, to);
    return true;
  }
}

/**
 * Takes the lock of a folder that exists. Locks of processes that are dead are taken over: at once where the process was of
 * this machine, after a minute without a sign of life where it was of another.
 *
 * @throws LockError naming the process that holds it; and what the disk says.
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
  // Stays open: what is written through it reaches this process's lock, and never one that took its place.
  const handle = await open(own, "wx");
  try {
    await closeOnError(handle, async () => {
      await handle.write(text, 0);
      if (!(await linked(own, file))) {
        const other = await holderOf(file);
        if (other && (await isAlive(other, file, own, times))) throw refuse(other);
        // Of several processes that take over at once, the last one to get here has the lock.
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
    // Not `utimes`: the time is to be that of the file system's clock, as all machines see it.
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
