/** The suites by name: the 19 published tasks, and the embedded one. */
import { didYouMean } from "../../text/nearest.js";
import { suiteTasks } from "./embedded/index.js";
import type { Task } from "./protocol/task.js";
import { vtabTasks } from "./sets/index.js";

export const suiteNames = ["embedded", "vtab"] as const;
export type SuiteName = (typeof suiteNames)[number];

/** The tasks of a suite; `data` is the folder of data sets that a person has. */
export function tasksOf(suite: SuiteName, data?: string): readonly Task[] {
  return suite === "embedded" ? suiteTasks(data) : vtabTasks;
}

/** Those of the tasks that were named, in the order of the suite. Throws for a name there is none of. */
export function chooseTasks(tasks: readonly Task[], names: readonly string[] | undefined): readonly Task[] {
  if (names === undefined) return tasks;
  const known = tasks.map(({ name }) => name);
  for (const name of names) {
    if (!known.includes(name))
      throw new Error(`there is no task "${name}"${didYouMean(name, known) || ";"} there are ${known.join(", ")}`);
  }
  return tasks.filter(({ name }) => names.includes(name));
}
