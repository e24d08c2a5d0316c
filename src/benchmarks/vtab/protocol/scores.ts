/** Computes the benchmark's score: the mean over tasks, with the group means, each summarised over seeds. */
import { type Summary, summarise } from "../../../algebra/statistics.js";
import { type TaskGroup, taskGroups } from "./task.js";

/** The accuracy of one seed on one task, as a fraction. */
export interface TaskAccuracy {
  readonly task: string;
  readonly group: TaskGroup;
  readonly seed: number;
  readonly accuracy: number;
}

export interface SuiteScore {
  /** Every task with accuracies, summarised over its seeds. */
  readonly tasks: readonly (Summary & { readonly task: string; readonly group: TaskGroup; readonly seeds: number })[];
  /**
   * The mean over tasks for each seed, summarised over seeds. All tasks have equal weight (papers.md 4); it is not the
   * mean of group means.
   */
  readonly mean: Summary;
  readonly groups: Readonly<Partial<Record<TaskGroup, Summary>>>;
}

/**
 * Computes the scores. A seed counts in a mean only if it was measured on all the tasks of that mean, so that all seeds
 * average over the same tasks. Throws when nothing was measured, or no seed was measured on all tasks.
 */
export function scoreSuite(accuracies: readonly TaskAccuracy[]): SuiteScore {
  const names = [...new Set(accuracies.map(({ task }) => task))];
  const tasks = names.map((task) => {
    const own = accuracies.filter((one) => one.task === task);
    return { task, group: own[0]!.group, seeds: own.length, ...summarise(own.map(({ accuracy }) => accuracy)) };
  });
  const groups = taskGroups.flatMap((group) => {
    const own = accuracies.filter((one) => one.group === group);
    return own.length === 0 ? [] : [[group, summarise(meansOverTasks(own))] as const];
  });
  return { tasks, mean: summarise(meansOverTasks(accuracies)), groups: Object.fromEntries(groups) };
}

/** The mean over tasks of each seed that was measured on all of them. */
function meansOverTasks(accuracies: readonly TaskAccuracy[]): number[] {
  const tasks = new Set(accuracies.map(({ task }) => task)).size;
  const seeds = [...new Set(accuracies.map(({ seed }) => seed))];
  return seeds.flatMap((seed) => {
    const own = accuracies.filter((one) => one.seed === seed);
    return own.length < tasks ? [] : [own.reduce((sum, { accuracy }) => sum + accuracy, 0) / own.length];
  });
}

/** The means of a list of accuracies of the published tasks: over all tasks and over each group. */
export function publishedMeans(
  values: readonly number[],
  groups: readonly TaskGroup[],
): { readonly mean: number } & Readonly<Record<TaskGroup, number>> {
  const mean = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0) / list.length;
  const of = (group: TaskGroup): number => mean(values.filter((_, i) => groups[i] === group));
  return {
    mean: mean(values),
    natural: of("natural"),
    specialised: of("specialised"),
    structured: of("structured"),
  };
}
