/**
 * Loads the batches of a run, with one loader for each stream of its objective, and collects the examples that could
 * not be read.
 */

import {
  type BadExample,
  type Batch,
  createLoader,
  type ImageSource,
  type Loader,
  type LoaderPosition,
} from "../../data/index.js";
import type { Json } from "../../networks/index.js";
import { hashKeys } from "../../random/keyed.js";
import type { Batches, StreamName } from "../objectives/index.js";
import { TrainError } from "../plan/train-error.js";
import type { RunParts } from "./parts.js";

/** Owns the loaders; close it. */
export class RunBatches {
  /** Examples that could not be read: the reason by name. */
  readonly bad = new Map<string, string>();
  private readonly loaders: ReadonlyMap<StreamName, Loader>;

  /** Opens the loaders at the position of the checkpoint. Every unreadable example is reported to `note` once. */
  constructor(
    parts: RunParts,
    private readonly note: (text: string) => void,
  ) {
    this.loaders = openLoaders(parts);
  }

  /** The next batch of every stream. Throws TrainError when a loader has no more. */
  async next(): Promise<Batches> {
    const batches: Partial<Record<StreamName, Batch>> = {};
    for (const [stream, loader] of this.loaders) {
      const batch = await loader.next();
      if (!batch) throw new TrainError(`the ${stream} data ended before the run did`);
      this.addBad(loader.stats().bad);
      batches[stream] = batch;
    }
    return batches as Batches;
  }

  /** Returns the arrays of a batch to the loader of its stream for reuse. */
  recycle(stream: string, batch: Batch): void {
    this.loaders.get(stream as StreamName)?.recycle(batch);
  }

  /** Adds examples that could not be read. */
  addBad(examples: readonly BadExample[]): void {
    for (const { id, reason } of examples) {
      if (this.bad.has(id)) continue;
      this.bad.set(id, reason);
      this.note(`skipped ${id}: ${reason}`);
    }
  }

  /** The position of every loader, for a checkpoint. */
  positions(): Record<string, Json> {
    return Object.fromEntries(
      [...this.loaders].map(([stream, loader]) => [stream, loader.position() as unknown as Json]),
    );
  }

  async close(): Promise<void> {
    for (const loader of this.loaders.values()) await loader.close();
  }
}

function openLoaders({ recipe, streams, trainingParts, restored, plan, communicator }: RunParts) {
  const ranks = communicator.size;
  const positions = (restored?.meta["loaders"] ?? {}) as unknown as Partial<Record<StreamName, LoaderPosition>>;
  const open = ([name, source]: [string, ImageSource]) => {
    const stream = name as StreamName;
    const { mergeClasses, workers, views, cacheBytes } = recipe.data;
    const parts =
      stream === "train"
        ? trainingParts
        : [{ source, preprocessing: (recipe.data[stream] ?? trainingParts[0]!).preprocessing }];
    const own = plan.objective.unlabelledBatchSize;
    const batchSize = stream === "unlabelled" && own !== undefined ? own * ranks : recipe.batchSize;
    const position = positions[stream];
    const loader = createLoader(parts, {
      batchSize,
      // A separate seed: with the same one, two streams of one source would yield the same images in the same crops.
      seed: stream === "train" ? recipe.seed : hashKeys([recipe.seed, stream]),
      share: { index: communicator.rank, of: ranks },
      mergeClasses,
      views,
      cacheBytes,
      workers,
      position,
    });
    return [stream, loader] as const;
  };
  return new Map(Object.entries(streams).map(open));
}
