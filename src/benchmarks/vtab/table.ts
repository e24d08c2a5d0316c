/** Builds the table of a benchmark: our results with raw pixels, chance and, for the 19 tasks, published rows. */

import type { Summary } from "../../algebra/statistics.js";
import { inPercent } from "../../text/format.js";
import { columns } from "../../text/table.js";
import type { MissingTask, SuiteReport, TaskReport } from "./benchmark.js";
import { type PublishedRow, publishedRows, publishedTasks } from "./protocol/published.js";
import { type TaskGroup, taskGroups } from "./protocol/task.js";

/** One line of the table; accuracies are fractions, undefined if there is none. */
export interface TableLine {
  readonly kind: "task" | "missing" | "group" | "mean";
  readonly title: string;
  readonly group?: TaskGroup;
  readonly accuracy?: Summary;
  readonly baseline?: Summary;
  readonly chance?: number;
  readonly published: readonly (number | undefined)[];
}

/** The published rows that are shown in the terminal, best first; the HTML report shows all of them. */
const shown = ["ViT-H/14 JFT", "ViT-L/16 i21k", "Sup-Rotation-100%", "Sup-100%", "Rotation", "From-Scratch"];

export const shownRows: readonly PublishedRow[] = publishedRows.filter(({ method }) => shown.includes(method));

const groupOfPublished = (index: number): TaskGroup =>
  index < 7 ? "natural" : index < 11 ? "specialised" : "structured";
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/**
 * The value of a published row for a line, as a fraction: the mean of its tasks, or the published mean if no tasks were
 * published.
 */
function publishedValue(
  row: PublishedRow,
  { group, task }: { readonly group?: TaskGroup; readonly task?: string },
): number | undefined {
  const { tasks } = row;
  if (task !== undefined) {
    const at = (publishedTasks as readonly string[]).indexOf(task);
    return at < 0 || !tasks ? undefined : tasks[at]! / 100;
  }
  const own = tasks?.filter((_, i) => group === undefined || groupOfPublished(i) === group);
  if (own) return mean(own) / 100;
  const value = group === undefined ? row.mean : row.groups?.[group];
  return value === undefined ? undefined : value / 100;
}

/** The lines of a report: every task of the suite in order, the group means, and the mean of all tasks. */
export function tableLines(
  report: SuiteReport,
  baseline: SuiteReport | undefined,
  rows: readonly PublishedRow[],
): readonly TableLine[] {
  const shownBeside = report.suite === "vtab" ? rows : [];
  const taskLine = (task: TaskReport): TableLine => {
    const beside = baseline?.tasks.find(({ name }) => name === task.name);
    return {
      kind: "task",
      title: task.title,
      group: task.group,
      accuracy: task,
      baseline: beside,
      chance: 1 / task.classes,
      published: shownBeside.map((row) => publishedValue(row, { task: task.name })),
    };
  };
  const missingLine = ({ title, group, name }: MissingTask): TableLine => ({
    kind: "missing",
    title,
    group,
    published: shownBeside.map((row) => publishedValue(row, { task: name })),
  });
  const lines = taskGroups.flatMap((group) => [
    ...report.tasks.filter((task) => task.group === group).map(taskLine),
    ...report.missing.filter((task) => task.group === group).map(missingLine),
  ]);
  const means = taskGroups.flatMap((group): TableLine[] => {
    const accuracy = report.score.groups[group];
    const beside = baseline?.score.groups[group];
    if (!accuracy) return [];
    return [
      {
        kind: "group",
        title: `mean of ${group}`,
        group,
        accuracy,
        baseline: beside,
        published: shownBeside.map((row) => publishedValue(row, { group })),
      },
    ];
  });
  return [
    ...lines,
    ...means,
    {
      kind: "mean",
      title: meanTitle(report),
      accuracy: report.score.mean,
      baseline: baseline?.score.mean,
      published: shownBeside.map((row) => publishedValue(row, {})),
    },
  ];
}

/** The label of the mean. It is only called the mean of 19 when no task is missing. */
export function meanTitle({ suite, tasks, missing }: SuiteReport): string {
  const whole = suite === "vtab" && tasks.length === publishedTasks.length;
  if (whole) return "mean of 19";
  return missing.length === 0
    ? `mean of ${tasks.length}`
    : `mean of ${tasks.length} (of ${tasks.length + missing.length})`;
}

/** A mean in per cent with half of its 95 % interval: `61.2 ± 1.3`. The interval is missing for one seed. */
export function withInterval(summary: Summary | undefined): string {
  if (!summary) return "-";
  const { mean: value, confidence95 } = summary;
  if (!confidence95) return inPercent(value);
  return `${inPercent(value)} ± ${inPercent(Math.max(value - confidence95[0], confidence95[1] - value))}`;
}

/** The published rows alone, for a user without any of the datasets. */
export function publishedText(): string[] {
  const means = shownRows.map(({ method, tasks }) => `${method} ${mean(tasks!).toFixed(2)}`);
  return [`published means of 19, per cent: ${means.join(", ")}`];
}

/** The table as text with aligned columns. */
export function tableText(report: SuiteReport, baseline: SuiteReport | undefined): string[] {
  const lines = tableLines(report, baseline, shownRows);
  const published = report.suite === "vtab" ? shownRows.map(({ method }) => method) : [];
  const head = ["task", "accuracy %", ...(baseline ? [baseline.backbone.spec] : []), "chance", ...published];
  const cells = lines.map(({ kind, title, accuracy, baseline: beside, chance, published: values }) => [
    title,
    kind === "missing" ? "missing" : withInterval(accuracy),
    ...(baseline ? [withInterval(beside)] : []),
    chance === undefined ? "" : inPercent(chance),
    ...values.map((value) => inPercent(value)),
  ]);
  return columns([head, ...cells]).map((line) => `  ${line}`);
}
