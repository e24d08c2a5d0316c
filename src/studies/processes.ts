/** Starts further processes that share the jobs of a study. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { builtModule } from "../files/built-module.js";
import type { StudyOptions } from "./run.js";

/** The options of a study that a further process needs, as JSON. */
export type ProcessOptions = Pick<StudyOptions, "scale" | "seeds" | "upstream" | "downstream" | "folder" | "threads">;

/** Starts processes; each runs jobs until none is open. A job that fails there is run again, and reported, by this process. */
export function startProcesses(name: string, options: StudyOptions, count: number): ChildProcess[] {
  const { scale, seeds, upstream, downstream, folder, threads } = options;
  const plain: ProcessOptions = { scale, seeds, upstream, downstream, folder, threads };
  const worker = count > 0 ? fileURLToPath(builtModule(import.meta.url, "./worker.js")) : "";
  return Array.from({ length: count }, () =>
    // Ctrl-C goes to this process only, which then ends the others
    fork(worker, [name, JSON.stringify(plain)], { stdio: ["ignore", "ignore", "ignore", "ipc"], detached: true }),
  );
}
