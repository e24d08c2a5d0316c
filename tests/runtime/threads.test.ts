/** The number of threads: cores and quotas of the machine, and that every session is given it. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { input, matmul, writeOnnx } from "../../src/graph/index.js";
import { openSession } from "../../src/runtime/index.js";
import { availableThreads, processorQuota, threadsEach } from "../../src/runtime/node/threads.js";

const root = mkdtempSync(join(tmpdir(), "fovea-threads-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

beforeEach(() => vi.stubEnv("FOVEA_THREADS", ""));
afterEach(() => vi.unstubAllEnvs());

let machines = 0;
/** A machine's files: which cgroups the process is in, and what the kernel says of them. */
function quotaOn(membership: string, files: Readonly<Record<string, string>>): number {
  const mount = join(root, String(machines++));
  for (const [path, text] of Object.entries({ ...files, membership })) {
    mkdirSync(dirname(join(mount, path)), { recursive: true });
    writeFileSync(join(mount, path), text);
  }
  return processorQuota({ membership: join(mount, "membership"), mount });
}

describe("the quota of a cgroup", () => {
  test("version 2: the process's own, or a smaller one above it", () => {
    expect(quotaOn("0::/a/b\n", { "a/b/cpu.max": "150000 100000\n" })).toBe(1.5);
    expect(quotaOn("0::/a/b\n", { "a/b/cpu.max": "max 100000\n", "a/cpu.max": "400000 100000\n" })).toBe(4);
    expect(quotaOn("0::/a/b\n", { "a/b/cpu.max": "800000 100000\n", "a/cpu.max": "400000 100000\n" })).toBe(4);
  });

  test("version 2 in a container that sees its own as the root, or as the host's path", () => {
    expect(quotaOn("0::/\n", { "cpu.max": "200000 100000\n" })).toBe(2);
    expect(quotaOn("0::/docker/0123\n", { "cpu.max": "200000 100000\n" })).toBe(2);
  });

  test("version 1: the controller's own folder, alone or mounted with cpuacct", () => {
    const files = (folder: string) => ({
      [`${folder}/job/cpu.cfs_quota_us`]: "300000\n",
      [`${folder}/job/cpu.cfs_period_us`]: "100000\n",
    });
    expect(quotaOn("4:memory:/job\n1:cpu:/job\n", files("cpu"))).toBe(3);
    expect(quotaOn("4:cpu,cpuacct:/job\n", files("cpu,cpuacct"))).toBe(3);
    expect(quotaOn("4:cpuset:/job\n", files("cpu"))).toBe(Number.POSITIVE_INFINITY);
  });

  test("is infinite without one, and where there are no cgroups", () => {
    expect(quotaOn("0::/\n", { "cpu.max": "max 100000\n" })).toBe(Number.POSITIVE_INFINITY);
    const unlimited = { "cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n" };
    expect(quotaOn("1:cpu:/\n", unlimited)).toBe(Number.POSITIVE_INFINITY);
    expect(processorQuota({ membership: join(root, "none"), mount: root })).toBe(Number.POSITIVE_INFINITY);
  });
});

test("processes that compute at the same time share the threads, and each has one at least", () => {
  expect(availableThreads()).toBeLessThanOrEqual(availableParallelism());
  expect(threadsEach(1)).toBe(availableThreads());
  expect(threadsEach(2)).toBe(Math.max(1, Math.floor(availableThreads() / 2)));
  expect(threadsEach(1000)).toBe(1);
});

test("FOVEA_THREADS is the number of each process", () => {
  vi.stubEnv("FOVEA_THREADS", "3");
  expect(availableThreads()).toBe(3);
  expect(threadsEach(2)).toBe(3);
  for (const text of ["0", "-1", "1.5", "all"]) {
    vi.stubEnv("FOVEA_THREADS", text);
    expect(() => availableThreads()).toThrow(`FOVEA_THREADS=${text} is not a number of threads`);
  }
});

// The runtime starts one thread less than an operation may use: the caller's does its part.
test.runIf(process.platform === "linux")("a session without a number of threads has them all", async () => {
  const left = input("left", "float32", [2, 2]);
  const right = input("right", "float32", [2, 2]);
  const model = writeOnnx({ product: matmul(left, right) }, [left, right]);
  const running = () => readdirSync("/proc/self/task").length;
  const started = async (options: { readonly threads?: number }) => {
    const before = running();
    const session = await openSession(model, options);
    const after = running();
    await session.close();
    return after - before;
  };
  await started({ threads: 1 });
  expect(await started({ threads: 1 })).toBe(0);
  expect(await started({ threads: 5 })).toBe(4);
  expect(await started({})).toBe(availableThreads() - 1);
});
