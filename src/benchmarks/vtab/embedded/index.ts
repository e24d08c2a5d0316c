/**
 * Lists the embedded suite: VTAB's protocol on tasks that need no download, in VTAB's three groups. It is a different
 * benchmark; do not compare its scores with published scores of the 19 tasks.
 */
import type { Task } from "../protocol/task.js";
import { sceneTasks } from "./scenes.js";
import { spriteTask } from "./sprites.js";
import { embeddedStoredTasks, folderTasks } from "./stored.js";
import { turntableTask } from "./turntable.js";

/** Test images of a generated task: the standard error is at most 1.6 points, and two cores can process them. */
export const generatedTest = 1000;

/** The nine tasks that are in the package or are generated. */
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
