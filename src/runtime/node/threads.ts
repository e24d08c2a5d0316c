/** Determines the number of threads of an operation: `FOVEA_THREADS`, or the cores available to this process, within its container's quota. */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { smallest } from "../../text/arrays.js";

/** The environment variable for the number of threads of each process, whatever else computes on the machine. */
const threadsVariable = "FOVEA_THREADS";

/**
 * Default number of threads of every session, at least 1: `FOVEA_THREADS`; without it, the cores that this process may use (by its affinity
 * mask), or the CPU quota of its cgroup rounded down, whichever is less. Throws an Error if the variable is not a whole number of at least 1.
 *
 * The number is always passed to ONNX Runtime. The runtime's default counts physical cores. On a virtual machine whose two cores look like
 * two threads of one core, it silently uses a single thread.
 */
export const availableThreads = (): number => threadsEach(1);

/**
 * Threads for each of `count` processes, ranks or workers that compute concurrently on this machine: `FOVEA_THREADS`; without it, an equal
 * share of the cores, at least 1. Throws as `availableThreads` does.
 */
export const threadsEach = (count: number): number =>
  givenThreads() ?? Math.max(1, Math.floor(Math.min(availableParallelism(), processorQuota()) / count));

function givenThreads(): number | undefined {
  const text = process.env[threadsVariable];
  if (text === undefined || text === "") return undefined;
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new Error(`${threadsVariable}=${text} is not a number of threads; expected a whole number of at least 1`);
}

/** Paths of the cgroup files on Linux; tests pass other paths. */
export interface CgroupFiles {
  /** File that lists the cgroups of the process. */
  readonly membership: string;
  /** Mount point of the cgroup file systems. */
  readonly mount: string;
}

const linux: CgroupFiles = { membership: "/proc/self/cgroup", mount: "/sys/fs/cgroup" };

/**
 * CPU quota of this process's cgroups, in processors (1.5 is one and a half); infinite without a quota and on systems other than Linux. The
 * result is the smallest quota from the process's own cgroup up to the root.
 *
 * Sources: Linux, Documentation/admin-guide/cgroup-v2.rst ("cpu.max"), Documentation/scheduler/sched-bwc.rst (version 1).
 */
export function processorQuota({ membership, mount }: CgroupFiles = linux): number {
  const quotas = (read(membership) ?? "").split("\n").flatMap((line) => {
    // HIERARCHY:CONTROLLERS:PATH, with hierarchy 0 and no controllers for version 2.
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) return [];
    if (controllers === "") return upwards(path).map((at) => unifiedQuota(join(mount, at)));
    if (!controllers.split(",").includes("cpu")) return [];
    return upwards(path).map((at) => smallest(["cpu", controllers].map((name) => legacyQuota(join(mount, name, at)))));
  });
  return quotas.reduce((least, quota) => Math.min(least, quota), Number.POSITIVE_INFINITY);
}

/** A path and all its parents up to the root. In a container the path may be the host's and not exist; the root always exists. */
function upwards(path: string): string[] {
  const above = dirname(path);
  return above === path ? [path] : [path, ...upwards(above)];
}

/** Parses "QUOTA PERIOD" or "max PERIOD", in microseconds. */
function unifiedQuota(folder: string): number {
  const [quota = "max", period = ""] = (read(join(folder, "cpu.max")) ?? "").trim().split(/\s+/);
  return ratio(quota, period);
}

/** Reads the quota and period files of version 1, in microseconds; a quota of -1 means no limit. */
const legacyQuota = (folder: string): number =>
  ratio(read(join(folder, "cpu.cfs_quota_us")) ?? "", read(join(folder, "cpu.cfs_period_us")) ?? "");

function ratio(quota: string, period: string): number {
  const share = Number.parseInt(quota, 10) / Number.parseInt(period, 10);
  return share > 0 ? share : Number.POSITIVE_INFINITY;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
