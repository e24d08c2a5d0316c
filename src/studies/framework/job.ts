/** A job of a study: a computation named by the hash of its settings, with one result file that appears whole. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { isTemporary, writeFileAtomically } from "../../files/atomic.js";
import { makeFolder } from "../../files/folder.js";
import { LockError, lockFolder } from "../../files/lock.js";
import type { Hooks } from "../../text/progress.js";
import { canonicalJson } from "../../train/index.js";

/** Values that were measured at one moment of a job. */
export interface Measurement {
  /** Training images seen until then, repetitions counted; 0 for a job that trains nothing. */
  readonly images: number;
  /** Matrix FLOPs of training until then. */
  readonly flops: number;
  /** Seconds of training until then. */
  readonly seconds: number;
  /** Measured values by name: accuracies as fractions. */
  readonly values: Readonly<Record<string, number>>;
}

/** The result of a job. */
export interface JobResult {
  readonly id: string;
  readonly title: string;
  /** Left out where results are carried to another machine: the id is their hash. */
  readonly settings?: unknown;
  /** In the order in which they were made; the last one is that of the finished job. */
  readonly measurements: readonly Measurement[];
  /** What else is known of the job, such as the number of parameters. */
  readonly details: Readonly<Record<string, number | string>>;
}

/** Where a job works, and what it reports to. */
export interface JobContext extends Hooks {
  /** A folder of its own, which stays: runs are resumed from it. */
  readonly folder: string;
  readonly threads?: number | undefined;
  /** The folder of another job, such as that of the network to transfer. */
  folderOf(job: Job): string;
}

/** What a job has measured. */
export interface JobOutcome extends Pick<JobResult, "measurements" | "details"> {
  /** Deletes what is not needed once the result is stored. */
  readonly tidy?: () => Promise<void>;
}

export interface Job {
  /** Hash of the settings. */
  readonly id: string;
  readonly title: string;
  /** Everything that the result depends on, as JSON. */
  readonly settings: unknown;
  /** Jobs whose folders it reads. */
  readonly needs: readonly Job[];
  /** Estimates the matrix FLOPs, for the time left and the dry run. */
  flops(): number;
  run(context: JobContext): Promise<JobOutcome>;
}

/** Raised when the meaning of stored results changes. */
const version = 1;

/** Makes a job; two jobs with equal settings have the same id. */
export function defineJob(job: Omit<Job, "id" | "needs"> & { readonly needs?: readonly Job[] }): Job {
  const needs = job.needs ?? [];
  const text = canonicalJson([version, job.settings, needs.map(({ id }) => id)]);
  const id = createHash("sha256").update(text).digest("hex").slice(0, 16);
  return { ...job, needs, id };
}

/** Stored results of jobs, in a folder that several processes may share. */
export class JobStore {
  constructor(readonly folder: string) {
    makeFolder(join(folder, "jobs"));
  }

  private file({ id }: Pick<Job, "id">): string {
    return join(this.folder, "jobs", `${id}.json`);
  }

  /** The folder of a job: its run, checkpoints and whatever it keeps. */
  folderOf(job: Job): string {
    return join(this.folder, "work", job.id);
  }

  isDone(job: Pick<Job, "id">): boolean {
    return existsSync(this.file(job));
  }

  /**
   * The jobs that are to be run, in the given order, in which each stands behind those that it needs: without a result, or needed by one of these
   * and without a folder, such as that of the weights that another machine kept.
   */
  open(jobs: readonly Job[]): Job[] {
    const needed = new Set<string>();
    const isOpen = (job: Job): boolean => {
      const open = !this.isDone(job) || (needed.has(job.id) && !existsSync(this.folderOf(job)));
      if (open) for (const { id } of job.needs) needed.add(id);
      return open;
    };
    return jobs.toReversed().filter(isOpen).toReversed();
  }

  /** Forgets the results of open jobs that have one. What another process finishes meanwhile has a folder and stays. */
  async forget(open: readonly Job[]): Promise<void> {
    for (const job of open) if (!existsSync(this.folderOf(job))) await rm(this.file(job), { force: true });
  }

  /** Every result of the folder. */
  async results(): Promise<JobResult[]> {
    const folder = join(this.folder, "jobs");
    const names = (await readdir(folder)).filter((name) => !isTemporary(name));
    return await Promise.all(
      names.map(async (name) => JSON.parse(await readFile(join(folder, name), "utf8")) as JobResult),
    );
  }

  /** Stores a result. */
  async add(result: JobResult): Promise<void> {
    await writeFileAtomically(this.file(result), [new TextEncoder().encode(`${JSON.stringify(result)}\n`)]);
  }

  async read(job: Job): Promise<JobResult | undefined> {
    if (!this.isDone(job)) return undefined;
    return JSON.parse(await readFile(this.file(job), "utf8")) as JobResult;
  }

  /** Runs a job unless its result exists. Returns false while another process runs it. */
  async run(job: Job, context: Omit<JobContext, "folder" | "folderOf">): Promise<boolean> {
    if (this.isDone(job)) return true;
    const folder = this.folderOf(job);
    makeFolder(folder);
    const lock = await lockFolder(folder).catch((error: unknown) => {
      if (error instanceof LockError) return undefined;
      throw error;
    });
    if (!lock) return false;
    try {
      if (this.isDone(job)) return true;
      const { tidy, ...found } = await job.run({ ...context, folder, folderOf: (other) => this.folderOf(other) });
      await this.add({ id: job.id, title: job.title, settings: job.settings, ...found });
      await tidy?.();
      return true;
    } finally {
      await lock.release();
    }
  }
}

/** Jobs with those that they need before them, each once. */
export function withNeeds(jobs: readonly Job[]): Job[] {
  const found = new Map<string, Job>();
  const add = (job: Job): void => {
    for (const one of job.needs) add(one);
    if (!found.has(job.id)) found.set(job.id, job);
  };
  for (const job of jobs) add(job);
  return [...found.values()];
}

/** Options of `runJobs`. */
export interface RunJobsOptions extends Hooks {
  readonly threads?: number | undefined;
  /** Called for each job that is done, with the number of jobs done and in all. */
  readonly onJob?: ((job: Job, done: number, all: number) => void) | undefined;
}

/** Time between looks at jobs that other processes run, in milliseconds. */
const waiting = 2000;

/**
 * Runs the open jobs (`JobStore.open`), in order. Several processes may run the same jobs at the same time: each job runs in one of them,
 * and all return when every result exists. Throws what a job throws, and the reason of `signal` when it aborts.
 */
export async function runJobs(store: JobStore, jobs: readonly Job[], options: RunJobsOptions = {}): Promise<void> {
  const { onJob, signal } = options;
  const all = withNeeds(jobs);
  await store.forget(store.open(all));
  let open = all;
  while (open.length > 0) {
    let ran = false;
    const left: Job[] = [];
    for (const job of open) {
      signal?.throwIfAborted();
      const isReady = job.needs.every((one) => store.isDone(one));
      if (isReady && (await store.run(job, options))) {
        ran = true;
        onJob?.(job, all.filter((one) => store.isDone(one)).length, all.length);
      } else left.push(job);
    }
    open = left;
    if (!ran && open.length > 0) await new Promise((resolve) => setTimeout(resolve, waiting));
  }
}
