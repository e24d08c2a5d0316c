/** `fovea vtab`: a backbone on the 19 tasks or the embedded suite, beside raw pixels and published rows. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  methodNamed,
  NoTaskError,
  planSuite,
  publishedText,
  runSuite,
  type SuiteMethod,
  type SuiteOptions,
  type SuitePlan,
  type SuiteReport,
  searchedNames,
  suiteHtml,
  suiteNames,
  sweepNames,
  tableText,
} from "../../benchmarks/vtab/index.js";
import { writeFileAtomically } from "../../files/atomic.js";
import { largest, smallest } from "../../text/arrays.js";
import { formatDuration } from "../../text/format.js";
import { launchOf } from "../../train/distributed/launcher.js";
import { type CommandResult, defineCommand } from "../command.js";
import { vtab } from "../definitions.js";
import { interruption } from "../interrupt.js";
import { UsageError, wholeNumber, wholeNumbers } from "../words.js";
import { usualBackbone } from "./network.js";

const drawNames = ["published", "seeded"] as const;

/** Throws UsageError unless the word is one of a few. */
function oneOf<T extends string>(flag: string, word: string, words: readonly T[]): T {
  const found = words.find((one) => one === word);
  if (found === undefined) throw new UsageError(`--${flag}: "${word}" is none of ${words.join(", ")}`);
  return found;
}

function missingLines({ missing }: Pick<SuiteReport, "missing">): string[] {
  if (missing.length === 0) return [];
  return ["missing:", ...missing.map(({ title, reason }) => `  ${title}: ${reason.replaceAll("\n", "\n    ")}`)];
}

function planText(plan: SuitePlan, { backbone, seeds }: SuiteOptions): string {
  const { tasks, settings, images, fits, rate, seconds } = plan;
  return [
    `${tasks.length} tasks, ${seeds.length} ${seeds.length === 1 ? "seed" : "seeds"}, ${settings} ${settings === 1 ? "setting" : "settings"}`,
    ...tasks.map(
      ({ title, train, test, order }) => `  ${title}: learns from ${train}, tested on ${test}; order: ${order}`,
    ),
    `${images} images through ${backbone}, ${fits} fits`,
    `at ${rate.toFixed(0)} images/s about ${formatDuration(seconds)}, before reading images and fitting`,
    ...missingLines(plan),
  ].join("\n");
}

/** What the heavy sweep tries of a method. */
function heavyLine(method: SuiteMethod, options: SuiteOptions): string {
  const names = searchedNames(method, options);
  if (names.length > 0) return `the heavy sweep draws ${names.join(", ")}`;
  const { length } = method.settings;
  return `the heavy sweep has no ranges for ${method.name}; its ${length === 1 ? "one setting is" : `${length} settings are`} tried`;
}

function reportText(report: SuiteReport, baseline: SuiteReport | undefined): string {
  const { suite, backbone, method, sweep, settings, seeds, seededDraws, tasks } = report;
  const sizes = tasks.map(({ test }) => test);
  return [
    `${backbone.spec} by ${method}, ${sweep === "none" ? "no sweep" : `${sweep} sweep of ${settings} settings`}, ${seeds.length} ${seeds.length === 1 ? "seed" : "seeds"} (${seededDraws ? "examples of their own" : "the published examples"}); 1,000 examples to learn from, ${smallest(sizes)} to ${largest(sizes)} to test on`,
    ...tableText(report, baseline),
    suite === "embedded"
      ? "These tasks are this package's own; the figures are not to be set beside published ones of the 19 tasks."
      : "Published rows are fine-tuned; see their details with --report.",
    `the mean weighs every task alike; ± is half of the 95 % interval over seeds; ${formatDuration(report.seconds + (baseline?.seconds ?? 0))}`,
    ...missingLines(report),
  ].join("\n");
}

export const command = defineCommand(vtab, async ({ args, json, note }): Promise<CommandResult> => {
  const suite = oneOf("suite", args.suite, suiteNames);
  const sweep = oneOf("sweep", args.sweep, sweepNames);
  const draws = oneOf("draws", args.draws ?? (suite === "vtab" ? "published" : "seeded"), drawNames);
  const seeds = wholeNumbers(args.seeds, "seeds");
  if (new Set(seeds).size < seeds.length) throw new UsageError(`--seeds: "${args.seeds}" names one twice`);
  if (args.data !== undefined && !existsSync(args.data))
    throw new UsageError(`--data: there is no folder "${args.data}"`);
  const method = methodNamed(args.method);
  const launch = launchOf();
  const { signal, release } = interruption(note);
  const options: SuiteOptions = {
    suite,
    backbone: args.backbone ?? usualBackbone(note),
    method: method.name,
    sweep,
    seeds,
    seededDraws: draws === "seeded",
    folder: args.output,
    processes: wholeNumber(args.processes, "processes", 1),
    silent: json,
    signal,
    note,
    ...(launch && { rank: launch }),
    ...(args.data !== undefined && { data: args.data }),
    ...(args.tasks !== undefined && { tasks: args.tasks.split(",").map((name) => name.trim()) }),
    ...(args.trials !== undefined && { trials: wholeNumber(args.trials, "trials", 1) }),
    ...(args["image-size"] !== undefined && { imageSize: wholeNumber(args["image-size"], "image-size", 1) }),
    ...(args.threads !== undefined && { threads: wholeNumber(args.threads, "threads", 1) }),
  };
  if (sweep === "heavy") note(heavyLine(method, options));
  try {
    if (args["dry-run"]) {
      const plan = await planSuite(options);
      return { document: plan, text: planText(plan, options) };
    }
    const report = await runSuite(options).catch((error: unknown) => {
      if (error instanceof NoTaskError) return error;
      throw error;
    });
    if (report instanceof NoTaskError) {
      const { missing } = report;
      const none =
        args.data === undefined
          ? "give the folder of your data sets with --data"
          : `none of the sets is in ${args.data}`;
      return {
        document: { tasks: [], missing },
        text: [none, ...missingLines({ missing }), ...publishedText()].join("\n"),
        failed: true,
      };
    }
    const beside = args.baseline !== "none" && args.baseline !== options.backbone && method.kind === "features";
    const { imageSize: _, ...plain } = options;
    const baseline = beside
      ? await runSuite({ ...plain, backbone: args.baseline, tasks: report.tasks.map(({ name }) => name) })
      : undefined;
    if (launch && launch.rank > 0) return { document: {}, text: "", quiet: true };
    if (args.report !== undefined) {
      const line = `fovea vtab --suite ${suite} --backbone ${options.backbone} --method ${method.name} --sweep ${sweep} --seeds ${seeds.join(",")}`;
      await writeFileAtomically(args.report, [new TextEncoder().encode(suiteHtml(report, baseline, line))]);
      note(`wrote ${join(args.report)}`);
    }
    return { document: { ...report, ...(baseline && { baseline }) }, text: reportText(report, baseline) };
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new Error(`stopped; what was done is kept in ${args.output}, and the same command goes on from there`, {
      cause: error,
    });
  } finally {
    release();
  }
});
