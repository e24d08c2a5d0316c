/**
 * Defines the communication between the ranks of a job: the few collective operations that data-parallel training
 * needs, and a single rank without MPI.
 */
import { writeSync } from "node:fs";
import { hostname } from "node:os";
import { type Closable, closable } from "../../files/closable.js";
import { printable } from "../../text/printable.js";

/** Communication between ranks failed or cannot start; the message says what to do. */
export class DistributedError extends Error {
  override name = "DistributedError";
}

/**
 * The ranks of one job. Every rank calls the same operations in the same order, and they run in the order of the calls.
 * Arrays are transferred until the promise settles and are returned as new arrays over the same memory; continue with
 * the returned ones. Operations throw DistributedError when MPI reports an error.
 */
export interface Communicator extends Closable {
  /** 0 to size - 1. */
  readonly rank: number;
  readonly size: number;
  /** The library that carries the messages, for display; "" for a single rank. */
  readonly library: string;
  /** Sums every number over the ranks (all-reduce); the result is the same on each. */
  sum<T extends Float32Array | Float64Array>(values: T): Promise<T>;
  /** Returns one number of every rank, in the order of the ranks. */
  gather(value: number): Promise<readonly number[]>;
  /** Returns the bytes of rank `root` on every rank; the argument of the others is ignored. */
  broadcast(bytes: Uint8Array | undefined, root?: number): Promise<Uint8Array>;
  /** Settles once every rank has called it. */
  barrier(): Promise<void>;
  /**
   * Ends the whole job, not only this process, with the error on stderr: for a rank that fails while the others wait
   * for it. A single rank throws the error instead.
   */
  abort(error: unknown): Promise<never>;
  /** Must be called by every rank once it is done. */
  close(): Promise<void>;
}

/** A single rank without communication; MPI is never loaded. */
export const single = closable<Communicator>({
  rank: 0,
  size: 1,
  library: "",
  sum: async (values) => values,
  gather: async (value) => [value],
  broadcast: async (bytes) => bytes ?? new Uint8Array(0),
  barrier: async () => undefined,
  abort: async (error) => {
    throw error;
  },
  close: async () => undefined,
});

/**
 * The line that a rank prints on stderr before it ends the job. The write is synchronous, because the process is about
 * to be killed.
 */
export function reportFailure({ rank, size }: Pick<Communicator, "rank" | "size">, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  try {
    writeSync(2, `fovea: rank ${rank} of ${size} on ${hostname()} failed, which ends the job: ${printable(message)}\n`);
  } catch {
    // the launcher has exited, and nobody reads stderr
  }
}

/**
 * Runs work that may fail on some ranks only (a recipe, a source, a folder), and throws on every rank when it failed on
 * one, so that all end in order and none waits for another. The failed rank throws its own error, the others a
 * DistributedError with its message.
 */
export async function agree<T>(communicator: Communicator, work: () => Promise<T>): Promise<T> {
  let value: T | undefined;
  let failure: Error | undefined;
  try {
    value = await work();
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error));
  }
  const failed = await communicator.gather(failure ? 1 : 0);
  const rank = failed.indexOf(1);
  if (rank < 0) return value as T;
  const text = await communicator.broadcast(failure && Buffer.from(failure.message), rank);
  throw rank === communicator.rank ? failure! : new DistributedError(`rank ${rank}: ${Buffer.from(text).toString()}`);
}
