/** Who makes a loader's batches: this thread, or worker threads. */

import { describePreprocessing, type Preprocessing } from "../../images/index.js";
import type { ImageSource } from "../source/types.js";
import { type BatchArrays, createBatchMaker, type MadeBatch } from "./batch.js";
import type { Plan } from "./plan.js";
import { createWorkers } from "./workers.js";

export interface ServiceOptions {
  /** Threads that make batches; 0 makes them on the calling thread when they are requested. Default: 1. */
  readonly workers?: number;
  /** Batches made ahead. Default: 2 for each worker. */
  readonly prefetch?: number;
  /** Examples that each worker reads and decodes at once. Default: 2. */
  readonly concurrency?: number;
  /** Memory for pixels kept from epoch to epoch, over all workers. Default: 256 MiB. */
  readonly cacheBytes?: number;
}

/** Makes batches by their place; the two ways are this thread and workers. */
export interface BatchService {
  /** Starts (or, on this thread, does) the work for one batch. */
  request(epoch: number, batch: number, reuse?: BatchArrays): Promise<MadeBatch>;
  /** How many batches may be requested ahead. */
  readonly ahead: number;
  /** Keeps the process alive while `next` waits, and only then. */
  hold(waiting: boolean): void;
  close(): Promise<void>;
}

/** Makes the batches of a plan on this thread, or on `workers` threads that open the source again. Throws where they cannot. */
export function createService(
  source: ImageSource,
  plan: Plan,
  pipelines: readonly Preprocessing[],
  options: ServiceOptions,
): BatchService {
  const { workers = 1, concurrency = 2, cacheBytes = 256 * 2 ** 20 } = options;
  if (workers === 0) {
    const maker = createBatchMaker(source, plan, pipelines, { concurrency, cacheBytes });
    // One batch is begun ahead: sharp decodes on threads of its own while the caller does something else.
    return { ahead: 1, request: maker.make, hold: () => undefined, close: async () => undefined };
  }
  if (!source.recipe) {
    throw new Error(
      `${source.name} was made by hand, so a worker thread cannot open it: use the loader with workers: 0`,
    );
  }
  const setup = {
    recipe: source.recipe,
    plan,
    preprocessing: pipelines.map(describePreprocessing),
    concurrency,
    cacheBytes: Math.floor(cacheBytes / workers),
  };
  return createWorkers(setup, workers, options.prefetch ?? 2 * workers);
}
