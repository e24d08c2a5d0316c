/** Lists the suites by name: the 19 published tasks, and the embedded one. */
import { didYouMean } from "../../text/nearest.js";
import { suiteTasks } from "./embedded/index.js";
import type { Task } from "./protocol/task.js";
import { vtabTasks } from "./sets/index.js";

export const suiteNames = ["embedded", "vtab"] as const;
export type SuiteName = (typeof suiteNames)[number];

/** The tasks of a suite; `data` is the user's folder of datasets. */
export function tasksOf(suite: SuiteName, data?: string): readonly Task[] {
  return suite === "embedded" ? suiteTasks(data) : vtabTasks;
}

/** Selects tasks by name, in the order of the suite. Throws for an unknown name. */
export function chooseTasks(tasks: readonly Task[], names: readonly string[] | undefined): readonly Task[] {
  if (names === undefined) return tasks;
  const known = tasks.map(({ name }) => name);
  for (const name of names) {
    if (!known.includes(name))
      throw new Error(`unknown task "${name}"${didYouMean(name, known) || ";"} available: ${known.join(", ")}`);
  }
  return tasks.filter(({ name }) => names.includes(name));
}
