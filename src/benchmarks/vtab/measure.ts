/** Measures a backbone on a suite of tasks, with a baseline by the same method, and writes the report. */
import { existsSync } from "node:fs";
import { writeFileAtomically } from "../../files/atomic.js";
import { launchOf } from "../../train/index.js";
import { type MissingTask, NoTaskError, runSuite, type SuiteOptions, type SuiteReport } from "./benchmark.js";
import { planSuite, type SuitePlan } from "./dry-run.js";
import { methodNamed } from "./protocol/methods.js";
import { searchedNames } from "./protocol/sweep.js";
import { suiteHtml } from "./report.js";

export interface VtabOptions extends SuiteOptions {
  /** Measured by the same method where that works on features; undefined or `none` for nothing. */
  readonly baseline?: string | undefined;
  /** An HTML report to write. */
  readonly report?: string | undefined;
}

/** What was measured; or the tasks that are missing, where there is none. */
export type VtabResult =
  | (SuiteReport & { readonly baseline: SuiteReport | undefined })
  | { readonly tasks: readonly []; readonly missing: readonly MissingTask[] };

/** What the heavy sweep tries of a method. */
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

/** The options, with the rank of an MPI job. Throws for folders and seeds that cannot be used. */
function checked(options: VtabOptions): VtabOptions {
  const { seeds, data } = options;
  if (new Set(seeds).size < seeds.length) throw new Error(`the seeds ${seeds.join(", ")} contain one twice`);
  if (data !== undefined && !existsSync(data)) throw new Error(`there is no folder "${data}" of datasets`);
  noteHeavySweep(options);
  return { ...options, rank: options.rank ?? launchOf() };
}

/** The tasks that are there, and what measuring them would cost. */
export async function planVtab(options: VtabOptions): Promise<SuitePlan> {
  return await planSuite(checked(options));
}

/**
 * Measures a backbone on the tasks of a suite that are there. What is done is kept in `folder`; the same call goes on from there.
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
    throw new Error(`stopped; what was done is kept in ${folder}, and the same command goes on from there`, {
      cause: error,
    });
  }
}
