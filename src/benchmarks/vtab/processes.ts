/** Processes beside this one that do jobs: each opens the backbone for itself and is sent one job at a time. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { builtModule } from "../../files/built-module.js";
import type { Job, JobRunner } from "./protocol/jobs.js";
import type { SuiteName } from "./suites.js";

/** What a process needs to open the same context; plain data. */
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

/** To a process. */
export type ToProcess =
  | { readonly kind: "open"; readonly options: ProcessOptions }
  | { readonly kind: "job"; readonly job: Job };

/** From a process. */
export type FromProcess =
  | { readonly kind: "opened" }
  | { readonly kind: "progress"; readonly done: number }
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly message: string };

export interface ProcessRunner extends JobRunner {
  /** Ends the process at once; what it was doing is lost, what it had done is kept. */
  end(): void;
}

/** Starts a process and opens its context. Throws what went wrong there. */
export async function startProcess(
  options: ProcessOptions,
  onProgress: (job: Job, done: number) => void,
): Promise<ProcessRunner> {
  const child = fork(fileURLToPath(builtModule(import.meta.url, "./worker.js")), [], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    // Ctrl-C is for this process, which ends the others.
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
              `a process of the benchmark ended (${signal ?? `status ${code}`})${job ? ` during ${job.id}` : ""}; what was done is kept, run it again to go on`,
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
