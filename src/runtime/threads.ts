/** How many threads an operation may use: the cores this process may run on, within its container's quota. */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { smallest } from "../text/arrays.js";

/**
 * The threads that every session uses by default, at least 1: the cores this process may run on (its affinity mask counts), or
 * what the processor quota of its cgroup amounts to where that is less, rounded down.
 *
 * The number is always passed to ONNX Runtime. By itself the runtime counts physical cores, and on a virtual machine whose two
 * cores look like the two threads of one it runs on a single thread without saying so.
 */
export const availableThreads = (): number =>
  Math.max(1, Math.min(availableParallelism(), Math.floor(processorQuota())));

/** Threads for each of `count` processes, ranks or workers that compute at the same time on this machine; at least 1. */
export const threadsEach = (count: number): number => Math.max(1, Math.floor(availableThreads() / count));

/** Where Linux describes cgroups; tests give other paths. */
export interface CgroupFiles {
  /** Which cgroups the process is in. */
  readonly membership: string;
  /** Where the cgroup file systems are mounted. */
  readonly mount: string;
}

const linux: CgroupFiles = { membership: "/proc/self/cgroup", mount: "/sys/fs/cgroup" };

/**
 * The processors that the cgroups of this process may use, as a number of whole processors' time (1.5 is one and a half); infinite
 * without a quota and outside Linux. The smallest quota from the process's own cgroup up to the root counts.
 *
 * Sources: Linux, Documentation/admin-guide/cgroup-v2.rst ("cpu.max"), Documentation/scheduler/sched-bwc.rst (version 1).
 */
export function processorQuota({ membership, mount }: CgroupFiles = linux): number {
  const quotas = (read(membership) ?? "").split("\n").flatMap((line) => {
    // HIERARCHY:CONTROLLERS:PATH, with hierarchy 0 and no controllers for version 2
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) return [];
    if (controllers === "") return upwards(path).map((at) => unifiedQuota(join(mount, at)));
    if (!controllers.split(",").includes("cpu")) return [];
    return upwards(path).map((at) => smallest(["cpu", controllers].map((name) => legacyQuota(join(mount, name, at)))));
  });
  return quotas.reduce((least, quota) => Math.min(least, quota), Number.POSITIVE_INFINITY);
}

/** A path and all above it, to the root. Inside a container the path may be that of the host, which is not there: the root then is. */
function upwards(path: string): string[] {
  const above = dirname(path);
  return above === path ? [path] : [path, ...upwards(above)];
}

/** "QUOTA PERIOD" or "max PERIOD", in microseconds. */
function unifiedQuota(folder: string): number {
  const [quota = "max", period = ""] = (read(join(folder, "cpu.max")) ?? "").trim().split(/\s+/);
  return ratio(quota, period);
}

/** Two files, in microseconds; -1 is no quota. */
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
