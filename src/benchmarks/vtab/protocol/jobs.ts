/** Plans the jobs of a benchmark, in the order in which one process runs them, and the jobs that each depends on. */

import type { Setting } from "../../../networks/index.js";
import { type Draw, type Part, partSizes, parts } from "./protocol.js";
import type { Task } from "./task.js";

interface JobBase {
  readonly id: string;
  readonly task: string;
  /** The ids of the jobs whose outputs it reads. */
  readonly needs: readonly string[];
}

/** Computes the features of one part. */
export interface FeaturesJob extends JobBase {
  readonly kind: "features";
  readonly part: Part;
  readonly draw: Draw;
  readonly images: number;
}

/** Trains on the 800 with one setting and evaluates on the 200. */
export interface SelectJob extends JobBase {
  readonly kind: "select";
  readonly seed: number;
  readonly draw: Draw;
  readonly setting: Setting;
}

/** Trains on the 1,000 with the best setting and evaluates on the test split. */
export interface FinalJob extends JobBase {
  readonly kind: "final";
  readonly seed: number;
  readonly draw: Draw;
}

export type Job = FeaturesJob | SelectJob | FinalJob;

export interface JobOptions {
  readonly tasks: readonly Task[];
  /** Whether the method works on shared features. */
  readonly features: boolean;
  readonly seeds: readonly number[];
  /** Whether seed s trains on draw s; otherwise every seed trains on the published examples (draw 0). */
  readonly seededDraws: boolean;
  /** The candidate settings; with only one, nothing is selected. */
  readonly settings: readonly Setting[];
}

/** Plans jobs task by task, so that an interrupted benchmark has complete tasks rather than a part of each. */
export function planJobs({ tasks, features, seeds, seededDraws, settings }: JobOptions): readonly Job[] {
  return tasks.flatMap((task) => {
    const sizes = partSizes(task.sizes);
    const jobs: Job[] = [];
    const featuresId = (part: Part, draw: Draw): string =>
      `${task.name}/features/${part}/draw${part === "test" ? 0 : draw}`;
    const addFeatures = (part: Part, draw: Draw): void => {
      const id = featuresId(part, draw);
      if (!features || jobs.some((job) => job.id === id)) return;
      jobs.push({
        kind: "features",
        id,
        task: task.name,
        needs: [],
        part,
        draw: part === "test" ? 0 : draw,
        images: sizes[part],
      });
    };
    for (const seed of seeds) {
      const draw = seededDraws ? seed : 0;
      for (const part of parts) addFeatures(part, draw);
      const learnt = features ? [featuresId("train800", draw), featuresId("validation200", draw)] : [];
      const selections = settings.length < 2 ? [] : settings;
      const selectIds = selections.map((_, i) => `${task.name}/select/seed${seed}/${i}`);
      for (const [i, setting] of selections.entries())
        jobs.push({ kind: "select", id: selectIds[i]!, task: task.name, needs: learnt, seed, draw, setting });
      const needs = [...learnt, ...(features ? [featuresId("test", draw)] : []), ...selectIds];
      jobs.push({ kind: "final", id: `${task.name}/final/seed${seed}`, task: task.name, needs, seed, draw });
    }
    return jobs;
  });
}

/** Runs jobs: in this process or in a child process. */
export interface JobRunner {
  run(job: Job): Promise<void>;
}

/**
 * Runs all jobs on the runners. Each runner takes the first job whose dependencies among these jobs are done. After a
 * failure or when `signal` fires, no new job starts; once every runner is idle, the first failure is thrown.
 *
 * @param isDone whether the result of a job already exists; called when the jobs that it needs are done
 * @param onDone called for every finished job, with whether its result already existed
 */
export async function runJobs(
  jobs: readonly Job[],
  runners: readonly JobRunner[],
  options: {
    readonly isDone: (job: Job) => Promise<boolean>;
    readonly onDone?: (job: Job, before: boolean) => void;
    readonly signal?: AbortSignal;
  },
): Promise<void> {
  const { isDone, onDone, signal } = options;
  const done = new Set<string>();
  const waiting = [...jobs];
  // Dependencies that are not among the jobs are not awaited, such as features whose results are all stored.
  const awaited = new Set(jobs.map(({ id }) => id));
  let failure: unknown;
  let wake: () => void = () => {};
  let changed = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const announce = (): void => {
    wake();
    changed = new Promise((resolve) => {
      wake = resolve;
    });
  };
  const loop = async (runner: JobRunner): Promise<void> => {
    while (waiting.length > 0 && failure === undefined && !signal?.aborted) {
      const at = waiting.findIndex((job) => job.needs.every((id) => done.has(id) || !awaited.has(id)));
      if (at < 0) {
        await changed;
        continue;
      }
      const [job] = waiting.splice(at, 1) as [Job];
      try {
        const before = await isDone(job);
        if (!before) await runner.run(job);
        done.add(job.id);
        onDone?.(job, before);
      } catch (error) {
        failure ??= error;
      }
      announce();
    }
    announce();
  };
  await Promise.all(runners.map(loop));
  if (failure !== undefined) throw failure;
  signal?.throwIfAborted();
}
