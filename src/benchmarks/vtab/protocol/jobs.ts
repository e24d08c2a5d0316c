/** The jobs of a benchmark, in the order in which one process would do them, and what each needs done before it. */

import type { Setting } from "../../../networks/index.js";
import { type Draw, type Part, partSizes, parts } from "./protocol.js";
import type { Task } from "./task.js";

interface JobBase {
  readonly id: string;
  readonly task: string;
  /** The jobs whose outcome it reads. */
  readonly needs: readonly string[];
}

/** The features of one part. */
export interface FeaturesJob extends JobBase {
  readonly kind: "features";
  readonly part: Part;
  readonly draw: Draw;
  readonly images: number;
}

/** Train on the 800 with one setting, evaluate on the 200. */
export interface SelectJob extends JobBase {
  readonly kind: "select";
  readonly seed: number;
  readonly draw: Draw;
  readonly setting: Setting;
}

/** Train on the 1,000 with the best setting, evaluate on the test set. */
export interface FinalJob extends JobBase {
  readonly kind: "final";
  readonly seed: number;
  readonly draw: Draw;
}

export type Job = FeaturesJob | SelectJob | FinalJob;

export interface JobOptions {
  readonly tasks: readonly Task[];
  /** Does the method work on features that are shared? */
  readonly features: boolean;
  readonly seeds: readonly number[];
  /** Does seed s learn from draw s, or every seed from the published examples (draw 0)? */
  readonly seededDraws: boolean;
  /** The settings that are chosen among; nothing is chosen where there is one. */
  readonly settings: readonly Setting[];
}

/** Task by task: an interrupted benchmark leaves whole tasks behind, not a little of each. */
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

/** What does jobs: this process, or one beside it. */
export interface JobRunner {
  run(job: Job): Promise<void>;
}

/**
 * Does all jobs by the runners there are, each taking the first one that is ready: whose needs, as far as they are jobs here, are done. Throws the first failure once every runner
 * has come to rest; no new job is begun after one has failed or `signal` has fired.
 *
 * @param isDone whether the result of a job exists already; called when the jobs it needs are done
 * @param onDone called for every job that is done, with whether it was done before
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
  // What is not among the jobs is not waited for: features whose results are all there, for one.
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
