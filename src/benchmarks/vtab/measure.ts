/** Measures a backbone on a suite of tasks, with a baseline that uses the same method, and writes the report. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomically } from "../../files/atomic.js";
import { type Hooks, noProgress } from "../../text/progress.js";
import { launchOf } from "../../train/index.js";
import { backboneOrDefault } from "../../weights/index.js";
import { NoTaskError, runSuite, type SuiteOptions, type SuiteReport } from "./benchmark.js";
import { planSuite, type SuitePlan } from "./dry-run.js";
import { folderTaskFiles } from "./embedded/stored.js";
import { methodNamed } from "./protocol/methods.js";
import { type SweepName, searchedNames } from "./protocol/sweep.js";
import { suiteHtml } from "./report.js";
import type { SuiteName } from "./suites.js";

/** Options of `vtab`. */
export interface VtabOptions extends Hooks {
  /** `vtab`: the 19 published tasks; `embedded`: nine bundled tasks, and small datasets that `data` has. Default: vtab. */
  readonly suite?: SuiteName | undefined;
  /** Folder of datasets. */
  readonly data?: string | undefined;
  /** A baseline, measured with the same method if that works on features; `none` for none. Default: pixels:16. */
  readonly baseline?: string | undefined;
  /** How the backbone is adapted: a classifier on its features or a fine-tuning rule. Default: ridge. */
  readonly method?: string | undefined;
  /** Search for the method's settings on the validation images. Default: none. */
  readonly sweep?: SweepName | undefined;
  /** Trials of the heavy sweep. Default: 40. */
  readonly trials?: number | undefined;
  /** Seeds, all different; accuracies are means over them. Default: 0, 1, 2. */
  readonly seeds?: readonly number[] | undefined;
  /**
   * The training examples: those of TFDS for every seed (`published`), or a draw for each seed (`seeded`; of seed 0 the published ones). Default:
   * published for the suite vtab, seeded for embedded.
   */
  readonly draws?: "published" | "seeded" | undefined;
  /** Names of tasks. Default: all of the suite. */
  readonly tasks?: readonly string[] | undefined;
  /** Side of the images. Default: the backbone's own. */
  readonly imageSize?: number | undefined;
  /** Folder of features and results; the same call continues from there. Default: runs/vtab. */
  readonly output?: string | undefined;
  /** Path of the HTML report to write. Default: none is written. */
  readonly report?: string | undefined;
  /** Processes that share the work. Default: 1. */
  readonly processes?: number | undefined;
  /** Threads of each process. Default: a share of the cores. */
  readonly threads?: number | undefined;
  /** The rank of this process and their number. Default: those of the MPI launcher. */
  readonly rank?: { readonly rank: number; readonly size: number } | undefined;
}

/** Accuracies of a backbone on the tasks of a suite, and those of the baseline. */
export interface VtabReport extends SuiteReport {
  readonly baseline: SuiteReport | undefined;
}

/** Reports what the heavy sweep searches for a method. */
function noteHeavySweep(options: SuiteOptions): void {
  const method = methodNamed(options.method);
  if (options.sweep !== "heavy") return;
  const names = searchedNames(method, options);
  const { length } = method.settings;
  options.note?.(
    names.length > 0
      ? `the heavy sweep draws ${names.join(", ")}`
      : `the heavy sweep has no ranges for ${method.name}; its ${length === 1 ? "one setting is" : `${length} settings are`} tried`,
  );
}

/** Reports which of the files that the embedded suite knows are in the folder of datasets. */
function noteFolderTasks({ suite, data, note }: SuiteOptions): void {
  if (suite !== "embedded" || data === undefined) return;
  const found = folderTaskFiles.filter((file) => existsSync(join(data, file)));
  const missing = folderTaskFiles.filter((file) => !found.includes(file));
  if (found.length > 0) note?.(`${data}: added ${found.join(", ")} to the suite`);
  if (missing.length > 0) note?.(`${data} has no ${missing.join(", ")}; these tasks are not measured`);
}

/** The options of the suite, with defaults. Throws for invalid folders and seeds. */
function suiteOptions(backbone: string | undefined, options: VtabOptions): SuiteOptions {
  const { suite = "vtab", method = "ridge", sweep = "none", seeds = [0, 1, 2], output, draws, ...rest } = options;
  const { data, note, progress = noProgress, rank = launchOf() } = rest;
  if (new Set(seeds).size < seeds.length)
    throw new RangeError(`the seeds ${seeds.join(", ")} contain a duplicate; expected distinct seeds`);
  if (data !== undefined && !existsSync(data))
    throw new Error(`there is no folder "${data}"; expected the folder of datasets`);
  const seededDraws = (draws ?? (suite === "vtab" ? "published" : "seeded")) === "seeded";
  const network = backboneOrDefault(backbone, note);
  const folder = output ?? "runs/vtab";
  const all = { ...rest, suite, backbone: network, method, sweep, seeds, seededDraws, folder, progress, rank };
  noteHeavySweep(all);
  noteFolderTasks(all);
  return all;
}

/** What a call of `vtab` would cost. */
export interface VtabPlan extends SuitePlan {
  readonly backbone: string;
  readonly seeds: readonly number[];
}

/** Lists the tasks whose files exist, and estimates the cost of measuring them. Throws what `vtab` throws. */
export async function planVtab(backbone?: string, options: VtabOptions = {}): Promise<VtabPlan> {
  const all = suiteOptions(backbone, options);
  return { ...(await planSuite(all)), backbone: all.backbone, seeds: all.seeds };
}

/**
 * Measures a backbone (default: `defaultBackbone`) on those tasks of VTAB, or of the embedded suite, whose files exist: each task is learned from
 * 1,000 examples (papers.md 4). Results are stored in `output`; the same call continues from there.
 *
 * Throws NoTaskError, which lists the missing files, if none of the tasks can be opened; RangeError for an unknown method or task and for
 * repeated seeds; the first failure of a job; and an Error when `signal` aborts.
 *
 * @example
 * const { score } = await vtab("embedded:bit", { suite: "embedded" });
 * console.log(score.mean.mean); // mean accuracy over the tasks, from 0 to 1
 */
export async function vtab(backbone?: string, given: VtabOptions = {}): Promise<VtabReport> {
  const options = suiteOptions(backbone, given);
  const { suite, method, sweep, seeds, signal, folder, rank } = options;
  const { baseline: beside = "pixels:16", report: page } = given;
  try {
    const report = await runSuite(options);
    const measured = beside !== "none" && beside !== options.backbone && methodNamed(method).kind === "features";
    const tasks = report.tasks.map(({ name }) => name);
    const { imageSize: _, ...plain } = options;
    const baseline = measured ? await runSuite({ ...plain, backbone: beside, tasks }) : undefined;
    if (page !== undefined && (rank?.rank ?? 0) === 0) {
      const line = `fovea vtab --suite ${suite} --backbone ${options.backbone} --method ${method} --sweep ${sweep} --seeds ${seeds.join(",")}`;
      await writeFileAtomically(page, [new TextEncoder().encode(suiteHtml(report, baseline, line))]);
      options.note?.(`wrote ${page}`);
    }
    return { ...report, baseline };
  } catch (error) {
    if (error instanceof NoTaskError || !signal?.aborted) throw error;
    throw new Error(`stopped; finished jobs are stored in ${folder}, and the same command continues from there`, {
      cause: error,
    });
  }
}
