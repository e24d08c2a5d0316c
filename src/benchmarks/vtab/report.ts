/** Writes the HTML report of a benchmark: charts, the table, settings, and missing tasks. */

import type { Summary } from "../../algebra/statistics.js";
import {
  type BarSeries,
  barChart,
  type Child,
  chartFigure,
  collapsible,
  facts,
  htmlReport,
  paragraph,
  table,
  warning,
} from "../../report/index.js";
import { formatDuration, inPercent, plural } from "../../text/format.js";
import type { SuiteReport } from "./benchmark.js";
import { publishedRows } from "./protocol/published.js";
import { settingText } from "./protocol/sweep.js";
import { taskGroups } from "./protocol/task.js";
import { meanTitle, shownRows, type TableLine, tableLines, withInterval } from "./table.js";

/** The last part of a path or hub name; the full spec is shown under "How it was measured". */
const shortName = (spec: string): string => spec.split(/[\\/]/).at(-1) || spec;

const percent = (share: number | undefined): string => (share === undefined ? "–" : inPercent(share));

/** The report as one HTML page that works offline. */
export function suiteHtml(report: SuiteReport, baseline: SuiteReport | undefined, command: string): string {
  const lines = tableLines(report, baseline, shownRows);
  const measured = lines.filter(({ kind }) => kind !== "missing");
  const { score, suite, missing } = report;
  const name = suite === "vtab" ? "The 19 tasks" : "The embedded suite";
  return htmlReport({
    title: `${name}: ${shortName(report.backbone.spec)}`,
    lead: `${report.method} on ${report.tasks.length} tasks with 1,000 training examples each: ${meanTitle(report)} ${withInterval(score.mean)} % over ${plural(report.seeds.length, "seed")}.`,
    summary:
      suite === "embedded"
        ? [warning("These tasks are Fovea's own. The figures are not comparable with published ones of the 19 tasks.")]
        : missing.length > 0
          ? [warning(`${missing.length} of the 19 tasks are missing, so the mean is not the benchmark's score.`)]
          : [],
    sections: [
      { title: "Accuracy", content: charts(measured, report, baseline) },
      { title: "Table", content: [resultTable(lines, report, baseline)] },
      { title: "How it was measured", content: [howMeasured(report, command), ...settingsOf(report)] },
      ...(suite === "vtab" ? [{ title: "Published rows", content: [publishedTable()] }] : []),
      ...(missing.length > 0
        ? [{ title: "Missing", content: missing.map(({ title, reason }) => paragraph(`${title}: ${reason}`)) }]
        : []),
    ],
  });
}

/** One chart for the tasks of each group, and one for the means. */
function charts(lines: readonly TableLine[], report: SuiteReport, baseline: SuiteReport | undefined): Child[] {
  const tasks = taskGroups.map((group) => lines.filter((line) => line.kind === "task" && line.group === group));
  const means = lines.filter(({ kind }) => kind === "group" || kind === "mean");
  return [...tasks, means]
    .filter((some) => some.length > 0)
    .map((some) => chartFigure((width) => chart(some, report, baseline, width)));
}

function chart(
  lines: readonly TableLine[],
  { backbone }: SuiteReport,
  baseline: SuiteReport | undefined,
  width: number,
): string {
  const series = (name: string, of: (line: TableLine) => Summary | undefined): BarSeries => ({
    name,
    values: lines.map((line) => of(line)?.mean ?? null),
    intervals: lines.map((line) => of(line)?.confidence95 ?? null),
  });
  const chance = lines.map((line) => line.chance ?? Number.NaN);
  return barChart({
    title: lines[0]!.kind === "task" ? `${lines[0]!.group} tasks` : "means",
    description: `Accuracy: ${lines.map(({ title, accuracy }) => `${title} ${percent(accuracy?.mean)} %`).join(", ")}`,
    width,
    groups: lines.map(({ title }) => title),
    series: [
      series(shortName(backbone.spec), ({ accuracy }) => accuracy),
      ...(baseline ? [{ ...series(shortName(baseline.backbone.spec), (line) => line.baseline), hollow: true }] : []),
    ],
    reference: chance.every(Number.isFinite) ? { label: "chance", values: chance } : undefined,
    include: [0, 1],
    yLabel: "accuracy",
    format: "percent",
  });
}

function resultTable(lines: readonly TableLine[], report: SuiteReport, baseline: SuiteReport | undefined): Child {
  const published = report.suite === "vtab" ? shownRows.map(({ method }) => method) : [];
  const titles = [
    "Task",
    "Group",
    "Accuracy %",
    ...(baseline ? [baseline.backbone.spec] : []),
    "Chance %",
    ...published,
  ];
  return table(
    titles.map((title, i) => ({ title, numeric: i > 1 })),
    lines.map((line) => [
      line.title,
      line.kind === "task" || line.kind === "missing" ? line.group! : "",
      line.kind === "missing" ? "missing" : withInterval(line.accuracy),
      ...(baseline ? [withInterval(line.baseline)] : []),
      line.chance === undefined ? "" : percent(line.chance),
      ...line.published.map(percent),
    ]),
    "Mean and half of the 95 % interval (Student's t over seeds), per cent",
  );
}

function howMeasured(report: SuiteReport, command: string): Child {
  const { backbone, method, sweep, settings, seeds, seededDraws, preprocessing, seconds } = report;
  return facts([
    ["Command", command],
    ["Backbone", `${backbone.spec}, ${backbone.width} features of images ${backbone.imageShape.join(" x ")}`],
    ["Preprocessing", preprocessing],
    ["Method", `${method}; sweep: ${sweep}, ${plural(settings, "setting")}`],
    [
      "Protocol",
      "settings chosen by training on 800 and validating on 200 images, then trained on all 1,000 and evaluated on the test set",
    ],
    [
      "Seeds",
      `${seeds.join(", ")}; ${seededDraws ? "each trains on its own examples (seed 0 on the first of each split)" : "all train on the published examples"}`,
    ],
    ["Time of this run", `${formatDuration(seconds)}; without the time of results that were already stored`],
  ]);
}

/** The selected setting for every task and seed. */
function settingsOf({ tasks, settings }: SuiteReport): Child[] {
  const rows = tasks.flatMap(({ title, test, seeds }) =>
    seeds.map(({ seed, accuracy, setting, unreadable }) => [
      title,
      String(seed),
      percent(accuracy),
      String(test - unreadable),
      settingText(setting) || "none",
    ]),
  );
  const titles = ["Task", "Seed", "Accuracy %", "Images tested", settings > 1 ? "Setting chosen" : "Setting"];
  return [
    collapsible(
      "Every seed",
      table(
        titles.map((title, i) => ({ title, numeric: i > 0 && i < 4 })),
        rows,
      ),
    ),
  ];
}

function publishedTable(): Child {
  return table(
    [{ title: "Method" }, { title: "Mean of 19", numeric: true }, { title: "Details" }, { title: "Source" }],
    publishedRows.map(({ method, details, source, tasks, mean }) => [
      method,
      (tasks ? tasks.reduce((a, b) => a + b, 0) / tasks.length : mean!).toFixed(2),
      details,
      source,
    ]),
  );
}
