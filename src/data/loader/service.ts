/** Chooses where a loader's batches are made: in this thread, or in worker threads. */

import { describePreprocessing, type Preprocessing } from "../../images/index.js";
import type { ImageSource } from "../source/types.js";
import { type BatchArrays, createBatchMaker, type MadeBatch } from "./batch.js";
import type { Plan } from "./plan.js";
import { createWorkers } from "./workers.js";

export interface ServiceOptions {
  /**
   * Number of threads that make batches; 0 makes them in the calling thread when they are requested. Default: 1; 0 for a source in memory and for
   * custom ops, which other threads cannot open.
   */
  readonly workers?: number;
  /** Number of batches made ahead. Default: 2 for each worker. */
  readonly prefetch?: number;
  /** Number of examples that each worker reads and decodes concurrently. Default: 2. */
  readonly concurrency?: number;
  /** Memory for pixels cached across epochs, for all workers together. Default: 256 MiB. */
  readonly cacheBytes?: number;
}

/** Makes batches by their position, in this thread or in workers. */
export interface BatchService {
  /** Starts making one batch. */
  request(epoch: number, batch: number, reuse?: BatchArrays): Promise<MadeBatch>;
  /** Number of batches that may be requested ahead. */
  readonly ahead: number;
  /** Keeps the process alive only while `next` waits. */
  hold(waiting: boolean): void;
  close(): Promise<void>;
}

/** Makes the batches of a plan in this thread, or in `workers` threads that open the source again. Throws if they cannot open it. */
export function createService(
  source: ImageSource,
  plan: Plan,
  pipelines: readonly Preprocessing[],
  options: ServiceOptions,
): BatchService {
  const isShareable = source.recipe !== undefined && pipelines.flat().every(({ registered }) => registered);
  const { workers = isShareable ? 1 : 0, concurrency = 2, cacheBytes = 256 * 2 ** 20 } = options;
  if (workers === 0) {
    const maker = createBatchMaker(source, plan, pipelines, { concurrency, cacheBytes });
    // One batch is started ahead: sharp decodes in its own threads while the caller does something else.
    return { ahead: 1, request: maker.make, hold: () => undefined, close: async () => undefined };
  }
  if (!source.recipe) {
    throw new Error(
      `${source.name} was created in memory, so a worker thread cannot open it; use the loader without workers`,
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
