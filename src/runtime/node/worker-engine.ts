/**
 * Runs an engine in a worker thread, because a run blocks the thread that calls it; the data loader, the progress display and Ctrl-C are handled
 * in the main thread.
 */
import { Worker } from "node:worker_threads";
import { builtModule } from "../../files/built-module.js";
import { DeviceError } from "../devices.js";
import type { Attempt, CompiledProgram, EngineOptions, Feeds } from "../engine.js";
import { copied } from "../feeds.js";
import { closedMessage, type Remote, type Request } from "../remote.js";

/** Initial data of the worker thread. */
export interface EngineWorkerData {
  readonly program: CompiledProgram;
  readonly options: EngineOptions;
  /** Set to 1 when the program is closed: waiting requests are then rejected. */
  readonly closing: Int32Array;
}

interface Pending {
  resolve(answer: Attempt): void;
  reject(error: Error): void;
  readonly request: Request;
}

/** Reply of the worker: the results, and the feeds transferred back. */
export type Answer =
  | { readonly id: number; readonly answer: Attempt; readonly feeds: Feeds | undefined }
  | {
      readonly id: number;
      readonly feeds: Feeds | undefined;
      readonly error: { readonly name: string; readonly message: string };
    };

/** Prepares a request for the worker: arrays that cover their whole buffer are transferred, views of larger buffers are copied. */
function packed(request: Request): { message: Request; buffers: ArrayBuffer[] } {
  if (request.kind === "prepare" || request.kind === "read") return { message: request, buffers: [] };
  const given = request.kind === "run" ? request.feeds : request.values;
  const arrays = Object.fromEntries(
    Object.entries(given).map(([name, array]) => {
      const { byteLength, buffer } = array;
      const whole = byteLength > 0 && byteLength === buffer.byteLength && buffer instanceof ArrayBuffer;
      return [name, whole ? array : copied(name, array)];
    }),
  );
  const buffers = [...new Set(Object.values(arrays).map((array) => array.buffer as ArrayBuffer))];
  return { message: request.kind === "run" ? { ...request, feeds: arrays } : { ...request, values: arrays }, buffers };
}

/** An engine in a worker thread. */
export class WorkerEngine implements Remote {
  private readonly worker: Worker;
  private readonly ended: Promise<void>;
  private readonly closing = new Int32Array(new SharedArrayBuffer(4));
  private readonly pending = new Map<number, Pending>();
  private nextId = 0;
  private failure: Error | undefined;

  constructor(program: CompiledProgram, options: EngineOptions) {
    const workerData: EngineWorkerData = { program, options, closing: this.closing };
    // No flags of the process: the thread runs built code, and flags such as --input-type would break it.
    this.worker = new Worker(builtModule(import.meta.url, "./engine-worker.js"), { workerData, execArgv: [] });
    this.worker.on("message", (answer: Answer) => this.settle(answer));
    this.worker.on("error", (error: unknown) => this.fail(error instanceof Error ? error : new Error(String(error))));
    this.ended = new Promise((resolve) => {
      this.worker.on("exit", (code) => {
        this.fail(new Error(`the engine's thread ended (code ${code})`));
        resolve();
      });
    });
    this.worker.unref();
  }

  call(request: Request): Promise<Attempt> {
    if (this.failure) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => {
      const id = this.nextId++;
      const { message, buffers } = packed(request);
      this.worker.postMessage({ id, request: message }, buffers);
      this.worker.ref();
      this.pending.set(id, { resolve, reject, request });
    });
  }

  private settle(answer: Answer): void {
    const pending = this.pending.get(answer.id)!;
    this.pending.delete(answer.id);
    if (this.pending.size === 0 && !this.failure) this.worker.unref();
    // The arrays were transferred to the worker and came back as new objects over the same memory.
    if (pending.request.kind === "run" && answer.feeds) Object.assign(pending.request.feeds, answer.feeds);
    if ("error" in answer) {
      const Kind = answer.error.name === "DeviceError" ? DeviceError : Error;
      pending.reject(new Kind(answer.error.message));
    } else pending.resolve(answer.answer);
  }

  private fail(error: Error): void {
    this.failure ??= error;
    for (const { reject } of this.pending.values()) reject(this.failure);
    this.pending.clear();
  }

  /**
   * Lets the current run finish and rejects waiting ones. The thread is not terminated: terminating it inside the runtime's native code would
   * abort the process.
   */
  async close(): Promise<void> {
    if (!this.failure) {
      this.failure = new Error(closedMessage);
      Atomics.store(this.closing, 0, 1);
      this.worker.ref();
      this.worker.postMessage({ id: this.nextId++, request: { kind: "close" } });
    }
    await this.ended;
  }
}
