/**
 * What the ranks of a job say to each other: the few collective operations data-parallel training needs, and the one rank
 * of a run that was started alone.
 */
import { writeSync } from "node:fs";
import { hostname } from "node:os";
import { type Closable, closable } from "../../files/closable.js";
import { printable } from "../../text/printable.js";

/** Something between ranks went wrong, or cannot start; the message says what to do. */
export class DistributedError extends Error {
  override name = "DistributedError";
}

/**
 * The ranks of one job. Every rank calls the same operations in the same order; they run in the order of the
 * calls. Arrays are transferred until the promise settles and come back as new ones over the same memory: continue with those
 * that are returned. Operations throw DistributedError when MPI reports an error.
 */
export interface Communicator extends Closable {
  /** 0 to size - 1. */
  readonly rank: number;
  readonly size: number;
  /** The library that carries the messages, in words; "" for a rank alone. */
  readonly library: string;
  /** The sum over ranks of every number, the same on each. */
  sum<T extends Float32Array | Float64Array>(values: T): Promise<T>;
  /** One number of every rank, in the order of the ranks. */
  gather(value: number): Promise<readonly number[]>;
  /** The bytes of rank `root` on every rank; what the others give is not looked at. */
  broadcast(bytes: Uint8Array | undefined, root?: number): Promise<Uint8Array>;
  /** Settles once every rank has called it. */
  barrier(): Promise<void>;
  /**
   * Ends the whole job, not only this process, with the error on stderr: for a rank that fails while the others wait for it.
   * A rank alone throws the error instead.
   */
  abort(error: unknown): Promise<never>;
  /** To be called by every rank once it is done. */
  close(): Promise<void>;
}

/** One rank, alone: nothing to say to anyone, and MPI is never loaded. */
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

/** The line a rank leaves on stderr before it ends the job. Written at once: the process is about to be killed. */
export function reportFailure({ rank, size }: Pick<Communicator, "rank" | "size">, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  try {
    writeSync(2, `fovea: rank ${rank} of ${size} on ${hostname()} failed, which ends the job: ${printable(message)}\n`);
  } catch {
    // a launcher that is gone reads no more
  }
}

/**
 * Does work that may fail on some ranks only (a recipe, a source, a folder), and throws on every rank when it failed on one,
 * so that all end in order and none waits for another. The rank that failed throws its own error, the others a
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
