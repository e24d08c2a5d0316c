/** Runs jobs in child processes: each opens its own backbone and receives one job at a time. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { builtModule } from "../../files/built-module.js";
import type { Job, JobRunner } from "./protocol/jobs.js";
import type { SuiteName } from "./suites.js";

/** Plain data that a process needs to open the same context. */
export interface ProcessOptions {
  readonly suite: SuiteName;
  readonly tasks: readonly string[];
  readonly method: string;
  readonly sweep: "none" | "light" | "heavy";
  readonly trials?: number;
  readonly seededDraws: boolean;
  readonly backbone: string;
  readonly imageSize?: number;
  readonly data?: string;
  readonly folder: string;
  readonly threads?: number;
}

/** Messages to a child process. */
export type ToProcess =
  | { readonly kind: "open"; readonly options: ProcessOptions }
  | { readonly kind: "job"; readonly job: Job };

/** Messages from a child process. */
export type FromProcess =
  | { readonly kind: "opened" }
  | { readonly kind: "progress"; readonly done: number }
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly message: string };

export interface ProcessRunner extends JobRunner {
  /** Kills the process immediately. Its current job is lost; finished jobs stay stored. */
  end(): void;
}

/** Starts a process and opens its context. Throws the error that occurred there. */
export async function startProcess(
  options: ProcessOptions,
  onProgress: (job: Job, done: number) => void,
): Promise<ProcessRunner> {
  const child = fork(fileURLToPath(builtModule(import.meta.url, "./worker.js")), [], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    // Ctrl-C goes to this process only, which then ends the others.
    detached: true,
  });
  const exchange = (message: ToProcess, job?: Job): Promise<void> =>
    new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        child.off("message", hear);
        child.off("exit", gone);
        act();
      };
      const gone = (code: number | null, signal: string | null): void => {
        settle(() =>
          reject(
            new Error(
              `a process of the benchmark ended (${signal ?? `status ${code}`})${job ? ` during ${job.id}` : ""}; finished jobs are stored; run the same command again to continue`,
            ),
          ),
        );
      };
      const hear = (answer: FromProcess): void => {
        if (answer.kind === "progress") {
          if (job) onProgress(job, answer.done);
        } else if (answer.kind === "failed")
          settle(() => reject(new Error(job ? `${job.id}: ${answer.message}` : answer.message)));
        else settle(resolve);
      };
      child.on("message", hear);
      child.on("exit", gone);
      child.send(message);
    });
  await exchange({ kind: "open", options }).catch((error: unknown) => {
    endChild(child);
    throw error;
  });
  return { run: (job) => exchange({ kind: "job", job }, job), end: () => endChild(child) };
}

function endChild(child: ChildProcess): void {
  child.removeAllListeners();
  child.kill("SIGKILL");
}
