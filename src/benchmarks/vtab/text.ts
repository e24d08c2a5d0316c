/** Formats the results of a suite as lines of text. */
import { largest, smallest } from "../../text/arrays.js";
import { formatDuration, plural } from "../../text/format.js";
import type { MissingTask, SuiteReport } from "./benchmark.js";
import type { VtabPlan, VtabReport } from "./measure.js";
import { publishedText, tableText } from "./table.js";

function missingLines({ missing }: Pick<SuiteReport, "missing">): string[] {
  if (missing.length === 0) return [];
  return ["missing:", ...missing.map(({ title, reason }) => `  ${title}: ${reason.replaceAll("\n", "\n    ")}`)];
}

/** Formats the estimated cost of a suite. */
export function planLines(plan: VtabPlan): string[] {
  const { backbone, seeds, tasks, settings, images, fits, rate, seconds } = plan;
  return [
    `${plural(tasks.length, "task")}, ${plural(seeds.length, "seed")}, ${plural(settings, "setting")}`,
    ...tasks.map(
      ({ title, train, test, order }) => `  ${title}: ${train} training images, ${test} test images; order: ${order}`,
    ),
    `${images} images through ${backbone}, ${fits} fits`,
    `at ${rate.toFixed(0)} images/s about ${formatDuration(seconds)}, before reading images and fitting`,
    ...missingLines(plan),
  ];
}

/** Says which files are missing if none of the tasks can be opened. `data` is the folder of the datasets. */
export function noTaskLines(missing: readonly MissingTask[], data: string | undefined): string[] {
  const none =
    data === undefined ? "give the folder of your datasets with --data" : `none of the datasets is in ${data}`;
  return [none, ...missingLines({ missing }), ...publishedText()];
}

/** Formats results as a table with published rows. */
export function vtabLines(result: VtabReport): string[] {
  const { baseline, suite, backbone, method, sweep, settings, seeds, seededDraws, tasks } = result;
  const sizes = tasks.map(({ test }) => test);
  return [
    `${backbone.spec} by ${method}, ${sweep === "none" ? "no sweep" : `${sweep} sweep of ${settings} settings`}, ${plural(seeds.length, "seed")} (${seededDraws ? "examples of their own" : "the published examples"}); 1,000 training images, ${smallest(sizes)} to ${largest(sizes)} test images`,
    ...tableText(result, baseline),
    suite === "embedded"
      ? "These tasks are Fovea's own; the figures are not comparable with published ones of the 19 tasks."
      : "Published rows are fine-tuned; see their details with --report.",
    `every task has the same weight in the mean; ± is half of the 95 % interval over seeds; ${formatDuration(result.seconds + (baseline?.seconds ?? 0))}`,
    ...missingLines(result),
  ];
}
