/** Measures a backbone on a suite of tasks, with a baseline that uses the same method, and writes the report. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomically } from "../../files/atomic.js";
import { launchOf } from "../../train/index.js";
import { type MissingTask, NoTaskError, runSuite, type SuiteOptions, type SuiteReport } from "./benchmark.js";
import { planSuite, type SuitePlan } from "./dry-run.js";
import { folderTaskFiles } from "./embedded/stored.js";
import { methodNamed } from "./protocol/methods.js";
import { searchedNames } from "./protocol/sweep.js";
import { suiteHtml } from "./report.js";

export interface VtabOptions extends SuiteOptions {
  /** A baseline, measured with the same method if that works on features; undefined or `none`: no baseline. */
  readonly baseline?: string | undefined;
  /** Path of the HTML report to write. */
  readonly report?: string | undefined;
}

/** The report; or only the missing tasks if none could be opened. */
export type VtabResult =
  | (SuiteReport & { readonly baseline: SuiteReport | undefined })
  | { readonly tasks: readonly []; readonly missing: readonly MissingTask[] };

/** Reports what the heavy sweep searches for a method. */
function noteHeavySweep(options: VtabOptions): void {
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
function noteFolderTasks({ suite, data, note }: VtabOptions): void {
  if (suite !== "embedded" || data === undefined) return;
  const found = folderTaskFiles.filter((file) => existsSync(join(data, file)));
  const missing = folderTaskFiles.filter((file) => !found.includes(file));
  if (found.length > 0) note?.(`${data}: added ${found.join(", ")} to the suite`);
  if (missing.length > 0) note?.(`${data} has no ${missing.join(", ")}; these tasks are not measured`);
}

/** The options, with the rank of an MPI job. Throws for invalid folders and seeds. */
function checked(options: VtabOptions): VtabOptions {
  const { seeds, data } = options;
  if (new Set(seeds).size < seeds.length)
    throw new Error(`the seeds ${seeds.join(", ")} contain a duplicate; expected distinct seeds`);
  if (data !== undefined && !existsSync(data))
    throw new Error(`there is no folder "${data}"; expected the folder of datasets`);
  noteHeavySweep(options);
  noteFolderTasks(options);
  return { ...options, rank: options.rank ?? launchOf() };
}

/** Lists the tasks whose files exist, and estimates the cost of measuring them. */
export async function planVtab(options: VtabOptions): Promise<SuitePlan> {
  return await planSuite(checked(options));
}

/**
 * Measures a backbone on those tasks of a suite whose files exist. Results are stored in `folder`; the same call
 * continues from there.
 *
 * Throws what `runSuite` throws, and an Error when `signal` aborts.
 */
export async function measureVtab(given: VtabOptions): Promise<VtabResult> {
  const options = checked(given);
  const {
    suite,
    backbone,
    method,
    sweep,
    seeds,
    signal,
    folder,
    baseline: beside = "none",
    report: page,
    rank,
  } = options;
  try {
    const report = await runSuite(options);
    const measured = beside !== "none" && beside !== backbone && methodNamed(method).kind === "features";
    const tasks = report.tasks.map(({ name }) => name);
    const { imageSize: _, ...plain } = options;
    const baseline = measured ? await runSuite({ ...plain, backbone: beside, tasks }) : undefined;
    if (page !== undefined && (rank?.rank ?? 0) === 0) {
      const line = `fovea vtab --suite ${suite} --backbone ${backbone} --method ${method} --sweep ${sweep} --seeds ${seeds.join(",")}`;
      await writeFileAtomically(page, [new TextEncoder().encode(suiteHtml(report, baseline, line))]);
      options.note?.(`wrote ${page}`);
    }
    return { ...report, baseline };
  } catch (error) {
    if (error instanceof NoTaskError) return { tasks: [], missing: error.missing };
    if (!signal?.aborted) throw error;
    throw new Error(`stopped; finished jobs are stored in ${folder}, and the same command continues from there`, {
      cause: error,
    });
  }
}
