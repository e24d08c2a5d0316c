/** The messages between a loader and its worker threads. */
import type { SourceRecipe } from "../source/types.js";
import type { BatchArrays, BatchMakerOptions, MadeBatch } from "./batch.js";
import type { Plan } from "./plan.js";

/** Initial data of a worker. */
export interface WorkerSetup extends BatchMakerOptions {
  readonly recipe: SourceRecipe;
  readonly plan: Plan;
  /** Preprocessing strings: one for all examples, or one for each part of the plan. */
  readonly preprocessing: readonly string[];
}

/** Requests one batch. */
export interface Request {
  readonly job: number;
  readonly epoch: number;
  readonly batch: number;
  readonly reuse?: BatchArrays;
}

/** Returns one batch, or the error why it cannot be made. */
export type Response =
  | { readonly job: number; readonly made: MadeBatch }
  | {
      readonly job: number;
      readonly error: { readonly message: string; readonly id?: string; readonly reason?: string };
    };

/** Buffers of a batch, which are transferred rather than copied. */
export function transferables(arrays: BatchArrays): ArrayBuffer[] {
  return [arrays.image, arrays.label, arrays.mask, arrays.indices, ...(arrays.labels ? [arrays.labels] : [])].map(
    (array) => array.buffer as ArrayBuffer,
  );
}
