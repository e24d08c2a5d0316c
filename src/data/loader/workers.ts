/** Runs a loader's worker threads: batches are assigned round-robin, and if a thread fails, its requests fail. */
import { Worker } from "node:worker_threads";
import { builtModule } from "../../files/built-module.js";
import { ExampleError } from "../../images/index.js";
import type { MadeBatch } from "./batch.js";
import { type Request, type Response, transferables, type WorkerSetup } from "./protocol.js";
import type { BatchService } from "./service.js";

interface Pending {
  readonly resolve: (made: MadeBatch) => void;
  readonly reject: (error: Error) => void;
}

interface Thread {
  readonly worker: Worker;
  readonly pending: Map<number, Pending>;
  broken?: Error;
}

/**
 * Starts `count` threads.
 * @throws if the package is not built, because threads run built code.
 */
export function createWorkers(setup: WorkerSetup, count: number, ahead: number): BatchService {
  const url = builtModule(import.meta.url, "./worker.js");
  const threads = Array.from({ length: count }, () => startThread(url, setup));
  let job = 0;
  return {
    ahead,
    request: (epoch, batch, reuse) => {
      const thread = threads[job % threads.length]!;
      const request: Request = { job: job++, epoch, batch, reuse };
      return new Promise((resolve, reject) => {
        if (thread.broken) return reject(thread.broken);
        thread.pending.set(request.job, { resolve, reject });
        thread.worker.postMessage(request, reuse ? transferables(reuse) : []);
      });
    },
    hold: (waiting) => {
      for (const { worker } of threads) waiting ? worker.ref() : worker.unref();
    },
    close: async () => {
      for (const thread of threads) fail(thread, new Error("the loader was closed"));
      await Promise.all(threads.map(({ worker }) => worker.terminate()));
    },
  };
}

function startThread(url: URL, setup: WorkerSetup): Thread {
  // No flags of the process: the thread runs built code, and flags such as --input-type would break it.
  const worker = new Worker(url, { workerData: setup, name: "fovea loader", execArgv: [] });
  const thread: Thread = { worker, pending: new Map() };
  worker.on("message", (response: Response) => {
    const pending = thread.pending.get(response.job);
    thread.pending.delete(response.job);
    if ("made" in response) pending?.resolve(response.made);
    else pending?.reject(asError(response.error));
  });
  worker.on("error", (error: Error) =>
    fail(thread, new Error(`a loader thread failed: ${error.message}`, { cause: error })),
  );
  worker.on("exit", (code) =>
    fail(thread, new Error(`a loader thread ended (exit code ${code}) before its work was done`)),
  );
  // A loader that nobody waits for must not keep the process alive.
  worker.unref();
  return thread;
}

function fail(thread: Thread, error: Error): void {
  thread.broken ??= error;
  for (const { reject } of thread.pending.values()) reject(thread.broken);
  thread.pending.clear();
}

function asError({ message, id, reason }: Extract<Response, { error: unknown }>["error"]): Error {
  return id !== undefined && reason !== undefined ? new ExampleError(id, reason) : new Error(message);
}
