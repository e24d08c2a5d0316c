/** Runs a suite with one backbone and one method: plans the jobs, runs them, and computes the scores. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Summary, summarise } from "../../algebra/statistics.js";
import { threadsEach } from "../../runtime/index.js";
import { type StartProgress, startProgress } from "../../text/progress.js";
import { openContext, type SuiteContext } from "./context.js";
import { embeddedTasks } from "./embedded/index.js";
import { type ProcessOptions, startProcess } from "./processes.js";
import { type Job, planJobs, runJobs } from "./protocol/jobs.js";
import { methodNamed } from "./protocol/methods.js";
import { partSizes } from "./protocol/protocol.js";
import type { RunResult } from "./protocol/results.js";
import { type SuiteScore, scoreSuite, type TaskAccuracy } from "./protocol/scores.js";
import { type SweepName, sweepSettings } from "./protocol/sweep.js";
import { SourceError, type Task, type TaskGroup } from "./protocol/task.js";
import { chooseTasks, type SuiteName, tasksOf } from "./suites.js";

export interface SuiteOptions {
  readonly suite: SuiteName;
  /** The spec of the backbone, as for `openBackbone`. */
  readonly backbone: string;
  readonly imageSize?: number;
  /** The user's folder of datasets. */
  readonly data?: string;
  /** Names of tasks; default: all tasks of the suite. */
  readonly tasks?: readonly string[];
  readonly method: string;
  readonly sweep: SweepName;
  /** Trials of the heavy sweep. */
  readonly trials?: number;
  readonly seeds: readonly number[];
  /**
   * Whether seed s trains on its own draw (seed 0: the published examples); otherwise every seed trains on the
   * published examples.
   */
  readonly seededDraws: boolean;
  /** Where features and results are stored. An interrupted benchmark continues from there. */
  readonly folder: string;
  /** Processes that share the jobs; with 1, this process runs them all. */
  readonly processes?: number;
  /**
   * Set when several processes were started with the same options and share a folder: this one runs every size-th job.
   */
  readonly rank?: { readonly rank: number; readonly size: number };
  readonly threads?: number;
  readonly signal?: AbortSignal;
  readonly silent?: boolean;
  /** Starts the progress display, in images. Default: `startProgress`, on stderr. */
  readonly progress?: StartProgress | undefined;
  readonly note?: (text: string) => void;
}

/** The result of one seed on a task. */
export interface SeedResult extends RunResult {
  readonly seed: number;
}

export interface TaskReport extends Summary {
  readonly name: string;
  readonly title: string;
  readonly group: TaskGroup;
  readonly classes: number;
  /** Numbers of training, validation (the part of the training images that chooses settings) and test images. */
  readonly train: number;
  readonly validation: number;
  readonly test: number;
  readonly seeds: readonly SeedResult[];
}

export interface MissingTask {
  readonly name: string;
  readonly title: string;
  readonly group: TaskGroup;
  /** Which files are missing and where to download them. */
  readonly reason: string;
}

export interface SuiteReport {
  readonly suite: SuiteName;
  readonly backbone: {
    readonly spec: string;
    readonly kind: string;
    readonly width: number;
    readonly imageShape: readonly number[];
  };
  readonly preprocessing: string;
  readonly method: string;
  readonly sweep: SweepName;
  readonly settings: number;
  readonly seeds: readonly number[];
  readonly seededDraws: boolean;
  readonly tasks: readonly TaskReport[];
  readonly missing: readonly MissingTask[];
  readonly score: SuiteScore;
  /** Duration of this call in seconds, without the time of results that were already stored. */
  readonly seconds: number;
}

/** None of the tasks can be opened. */
export class NoTaskError extends SourceError {
  constructor(readonly missing: readonly MissingTask[]) {
    super(
      ["none of the tasks can be opened:", ...missing.map(({ title, reason }) => `${title}: ${reason}`)].join("\n  "),
    );
  }
}

/**
 * Separates the tasks that can be opened from those with missing files. Embedded and generated tasks are not opened for
 * this.
 */
export async function findTasks(
  tasks: readonly Task[],
  data: string | undefined,
): Promise<{ readonly found: readonly Task[]; readonly missing: readonly MissingTask[] }> {
  const found: Task[] = [];
  const missing: MissingTask[] = [];
  for (const task of tasks) {
    try {
      if (!embeddedTasks.includes(task))
        for (const source of Object.values(await task.open(data))) await source.close();
      found.push(task);
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      const { name, title, group } = task;
      missing.push({ name, title, group, reason: error.message });
    }
  }
  return { found, missing };
}

/**
 * Runs the jobs that are not done yet, and reports. Throws NoTaskError when no task can be opened, and the first
 * failure of a job.
 */
export async function runSuite(options: SuiteOptions): Promise<SuiteReport> {
  const started = performance.now();
  const { suite, data, seeds, seededDraws, signal, rank, note, silent = false } = options;
  const method = methodNamed(options.method);
  const settings = sweepSettings(options.sweep, method, options);
  const { found, missing } = await findTasks(chooseTasks(tasksOf(suite, data), options.tasks), data);
  if (found.length === 0) throw new NoTaskError(missing);
  const processes = rank ? 1 : (options.processes ?? 1);
  const threads = options.threads ?? (rank && threadsEach(rank.size));
  const jobs = planJobs({ tasks: found, features: method.kind === "features", seeds, seededDraws, settings });
  const tracker = trackProgress(jobs, silent || (rank !== undefined && rank.rank > 0), options.progress);
  const shared = {
    suite,
    seededDraws,
    backbone: options.backbone,
    folder: options.folder,
    imageSize: options.imageSize,
    data,
  };
  const context = await openContext({
    ...shared,
    tasks: found,
    method,
    settings,
    onProgress: tracker.progress,
    threads,
    signal,
    note,
  });
  try {
    const needed = await neededJobs(jobs, context);
    tracker.begin(needed);
    if (rank) await runShare(jobs, needed, context, rank, tracker.done, signal);
    else {
      const work = { onDone: tracker.done, isDone: (job: Job) => context.isDone(job), signal };
      if (processes === 1) await runJobs(needed, [context], work);
      else {
        const { sweep, trials } = options;
        const setup = { ...shared, tasks: found.map(({ name }) => name), method: method.name, sweep, trials };
        const each = { ...setup, threads: options.threads ?? threadsEach(processes) };
        await runInProcesses(needed, Math.min(processes, needed.length), each, tracker.progress, work);
      }
    }
    tracker.finish();
    const tasks = await Promise.all(found.map((task) => reportTask(task, seeds, context)));
    const { spec, kind, width, imageShape } = context.backbone;
    return {
      suite,
      backbone: { spec, kind, width, imageShape },
      preprocessing: context.preprocessing,
      method: method.name,
      sweep: options.sweep,
      settings: settings.length,
      seeds,
      seededDraws,
      tasks,
      missing,
      score: scoreSuite(tasks.flatMap(accuraciesOf)),
      seconds: (performance.now() - started) / 1000,
    };
  } finally {
    tracker.finish();
    await context.close();
  }
}

/** Runs jobs in child processes, which end when `signal` fires, when one fails, or when all jobs are done. */
async function runInProcesses(
  jobs: readonly Job[],
  processes: number,
  setup: ProcessOptions,
  onProgress: (job: Job, done: number) => void,
  work: Parameters<typeof runJobs>[2],
): Promise<void> {
  const runners = await Promise.all(Array.from({ length: processes }, () => startProcess(setup, onProgress)));
  const end = (): void => {
    for (const runner of runners) runner.end();
  };
  work.signal?.addEventListener("abort", end);
  try {
    await runJobs(jobs, runners, work);
  } finally {
    work.signal?.removeEventListener("abort", end);
    end();
  }
}

/** Removes feature jobs whose results are all stored: their feature files may have been deleted to save space. */
async function neededJobs(jobs: readonly Job[], context: SuiteContext): Promise<readonly Job[]> {
  const open = new Set<string>();
  for (const job of jobs) if (job.kind !== "features" && !(await context.isDone(job))) open.add(job.id);
  const read = new Set(jobs.filter(({ id }) => open.has(id)).flatMap(({ needs }) => needs));
  return jobs.filter((job) => job.kind !== "features" || read.has(job.id));
}

/** Interval in milliseconds between checks whether another process has finished a job. */
const lookAgain = 250;

/**
 * Runs one rank's share: every size-th of all jobs, each started when the outputs it needs are in the folder. Returns
 * when all jobs of all ranks are done, so that every rank can report. Shares depend on the plan only: the remaining
 * jobs may look different to a rank that starts later.
 */
async function runShare(
  jobs: readonly Job[],
  needed: readonly Job[],
  context: SuiteContext,
  { rank, size }: { readonly rank: number; readonly size: number },
  onDone: (job: Job, before: boolean) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const byId = new Map(needed.map((job) => [job.id, job]));
  const waitFor = async (job: Job): Promise<void> => {
    while (!(await context.isDone(job))) await sleep(lookAgain, undefined, { signal });
  };
  for (const [i, { id }] of jobs.entries()) {
    const job = byId.get(id);
    if (i % size !== rank || !job) continue;
    const before = await context.isDone(job);
    if (!before) {
      for (const need of job.needs) if (byId.has(need)) await waitFor(byId.get(need)!);
      signal?.throwIfAborted();
      await context.run(job);
    }
    onDone(job, before);
  }
  for (const job of needed) await waitFor(job);
}

async function reportTask(task: Task, seeds: readonly number[], context: SuiteContext): Promise<TaskReport> {
  const results: SeedResult[] = [];
  for (const seed of seeds) {
    const found = await context.finalResult(task.name, seed);
    if (found) results.push({ seed, ...found });
  }
  const { name, title, group, classes } = task;
  const sizes = partSizes(task.sizes);
  return {
    name,
    title,
    group,
    classes,
    train: sizes.train800 + sizes.validation200,
    validation: sizes.validation200,
    test: sizes.test,
    seeds: results,
    ...summarise(results.map(({ accuracy }) => accuracy)),
  };
}

export const accuraciesOf = ({ name, group, seeds }: TaskReport): TaskAccuracy[] =>
  seeds.map(({ seed, accuracy }) => ({ task: name, group, seed, accuracy }));

/** The cost of fitting a classifier or training a network in the progress display, in images. */
const fitWeight = 40;

const weightOf = (job: Job): number => (job.kind === "features" ? job.images : fitWeight);

/** Shows the progress of all jobs in one line: images done, speed, time left. */
function trackProgress(all: readonly Job[], silent: boolean, start: StartProgress = startProgress) {
  let line: ReturnType<StartProgress> | undefined;
  let whole = 0;
  const running = new Map<string, number>();
  const draw = (): void => line?.update(whole + Math.round([...running.values()].reduce((a, b) => a + b, 0)));
  return {
    begin: (needed: readonly Job[]): void => {
      const left = new Set(needed.map(({ id }) => id));
      whole = all.filter(({ id }) => !left.has(id)).reduce((sum, job) => sum + weightOf(job), 0);
      const total = all.reduce((sum, job) => sum + weightOf(job), 0);
      line = start({ total, start: whole, unit: "image", batchSize: 1, silent });
    },
    // Feature jobs report images; training jobs report a fraction from 0 to 1.
    progress: (job: Job, done: number): void => {
      running.set(job.id, job.kind === "features" ? Math.min(done, job.images) : done * fitWeight);
      draw();
    },
    done: (job: Job, before: boolean): void => {
      running.delete(job.id);
      whole += weightOf(job);
      if (job.kind === "final" && !before) line?.note(`${job.task}, seed ${job.seed}: done`);
      draw();
    },
    finish: (): void => {
      line?.finish();
      line = undefined;
    },
  };
}
