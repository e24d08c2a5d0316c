/** Starts programs as the ranks of one job, where the machine has MPICH (Debian's package mpich). */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";

const found = ["mpiexec.mpich", "mpiexec.hydra", "mpiexec"].find((name) => {
  const asked = spawnSync(name, ["--version"], { encoding: "utf8" });
  return asked.status === 0 && /HYDRA/.test(asked.stdout);
});

/** Why tests with several ranks are skipped; undefined where they run. */
export const noMpi = found === undefined ? "needs MPICH's mpiexec (Debian: apt-get install mpich)" : undefined;

export interface Job {
  readonly process: ChildProcess;
  /** What was printed so far. */
  stdout(): string;
  stderr(): string;
  /** Waits for the end; the exit status. */
  ended(): Promise<number>;
}

/** Starts `node words...` as so many ranks. A job that hangs is killed before its test times out. */
export function startRanks(ranks: number, words: readonly string[], environment: Record<string, string> = {}): Job {
  const env = { ...process.env, ...environment };
  const child = spawn(found!, ["-n", String(ranks), process.execPath, ...words], { env, timeout: 100_000 });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk));
  const closed = once(child, "close");
  return {
    process: child,
    stdout: () => stdout,
    stderr: () => stderr,
    ended: async () => ((await closed)[0] as number | null) ?? -1,
  };
}
