/**
 * The embedded suite: the protocol of the 19-task benchmark on tasks that need no download, in its three groups. It is
 * another benchmark: its scores are not to be set beside published ones of the 19 tasks.
 */
import type { Task } from "../protocol/task.js";
import { sceneTasks } from "./scenes.js";
import { spriteTask } from "./sprites.js";
import { embeddedStoredTasks, folderTasks } from "./stored.js";
import { turntableTask } from "./turntable.js";

/** Images that a generated task is tested on: enough for a standard error of 1.6 points at worst, few enough for two cores. */
export const generatedTest = 1000;

/** The nine tasks that come with the package or are generated. */
export const embeddedTasks: readonly Task[] = [
  ...embeddedStoredTasks,
  ...sceneTasks(generatedTest),
  spriteTask("x", generatedTest),
  spriteTask("orientation", generatedTest),
  turntableTask("azimuth", generatedTest),
  turntableTask("elevation", generatedTest),
];

/** The tasks of the suite, with those whose files lie in `folder`. */
export function suiteTasks(folder?: string): readonly Task[] {
  const more = folder === undefined ? [] : folderTasks(folder);
  const tasks = [...embeddedTasks, ...more];
  const rank = (task: Task): number => ["natural", "specialised", "structured"].indexOf(task.group);
  return tasks.sort((a, b) => rank(a) - rank(b));
}
