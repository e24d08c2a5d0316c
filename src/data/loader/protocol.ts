/** The messages between a loader and its worker threads. */
import type { SourceRecipe } from "../source/types.js";
import type { BatchArrays, BatchMakerOptions, MadeBatch } from "./batch.js";
import type { Plan } from "./plan.js";

/** What a worker is started with. */
export interface WorkerSetup extends BatchMakerOptions {
  readonly recipe: SourceRecipe;
  readonly plan: Plan;
  /** In string form: one for all examples, or one for each part of the plan. */
  readonly preprocessing: readonly string[];
}

/** Asks for one batch. */
export interface Request {
  readonly job: number;
  readonly epoch: number;
  readonly batch: number;
  readonly reuse?: BatchArrays;
}

/** Brings one batch, or says why it cannot be made. */
export type Response =
  | { readonly job: number; readonly made: MadeBatch }
  | {
      readonly job: number;
      readonly error: { readonly message: string; readonly id?: string; readonly reason?: string };
    };

/** The memory of a batch, handed over rather than copied. */
export function transferables(arrays: BatchArrays): ArrayBuffer[] {
  return [arrays.image, arrays.label, arrays.mask, arrays.indices, ...(arrays.labels ? [arrays.labels] : [])].map(
    (array) => array.buffer as ArrayBuffer,
  );
}
