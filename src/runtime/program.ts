/**
 * Programs: graphs compiled for a device, together with their state. They run in a worker thread, because a run blocks the thread that calls
 * it; the data loader, the progress display and Ctrl-C are handled in the main thread.
 */
import "./telemetry.js";
import { Worker } from "node:worker_threads";
import { builtModule } from "../files/built-module.js";
import { type Closable, closable, closeOnError } from "../files/closable.js";
import { inputName, reachable, type Tensor, type TensorType, writeOnnx, writeOnnxLoop } from "../graph/index.js";
import { type Device, DeviceError, lackingNodes } from "./devices.js";
import {
  type Attempt,
  type CompiledFunction,
  type CompiledProgram,
  Engine,
  type EngineOptions,
  type Feeds,
  type Results,
} from "./engine.js";
import { copied, copies, handedOver } from "./feeds.js";
import { overwritable } from "./overwrites.js";
import { availableThreads } from "./threads.js";

/** One function of a program: its inputs, outputs and the state it replaces. */
export interface ProgramFunction {
  /** Inputs passed in each run (graph inputs that are not state). */
  readonly inputs: readonly Tensor[];
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** Next values of state tensors, by the name of the state. */
  readonly next?: Readonly<Record<string, Tensor>>;
  /** Number of steps in one run; above 1, inputs and outputs are stacked, [steps, ...]. Default: 1. Not supported on WebGPU. */
  readonly stepsPerRun?: number;
}

export interface ProgramSource {
  /** Graph inputs that the program keeps between runs. */
  readonly state: readonly Tensor[];
  readonly functions: Readonly<Record<string, ProgramFunction>>;
}

export interface CompileOptions {
  readonly device?: Device;
  /** Threads inside one operation. Default: `availableThreads()`. */
  readonly threads?: number;
  /** Run in the calling thread, which each run blocks, instead of a worker. */
  readonly inThread?: boolean;
  /** Prefix of the runtime's trace files. */
  readonly profilePrefix?: string;
  /** Copy outputs out of the runtime, as its Node binding does, and never update state in place (direct.ts). */
  readonly copyOutputs?: boolean;
}

export interface FeedOptions {
  /**
   * Transfer the arrays to the thread of the program instead of copying them. Until the promise settles they must not be used; afterwards
   * the record of the feeds holds new arrays over the same memory, and the arrays that were given are empty. Default: false.
   */
  readonly transfer?: boolean;
}

/** A compiled program. Runs are executed sequentially, in the order of the calls. */
export interface Program extends Closable {
  readonly device: Device;
  /** Threads inside one operation. */
  readonly threads: number;
  /** Names and types of the state. */
  readonly state: Readonly<Record<string, TensorType>>;
  /** Seconds spent writing the graphs and opening the sessions. */
  readonly seconds: { readonly write: number; readonly compile: number };
  readonly nodes: Readonly<Record<string, number>>;
  /** Runs a function. The arrays are copied first, unless `transfer` is set. */
  run(name: string, feeds: Feeds, options?: FeedOptions): Promise<Results>;
  /** Runs the function named `step`. */
  step(feeds: Feeds, options?: FeedOptions): Promise<Results>;
  /**
   * Runs a function, and replaces state only if every number of the named outputs is finite; the steps of one run are kept all or none.
   * `committed` reports whether state was replaced. Throws before the run if an output does not exist.
   */
  attempt(
    name: string,
    feeds: Feeds,
    options: FeedOptions & { readonly commitWhenFinite: readonly string[] },
  ): Promise<Attempt>;
  readState(names?: readonly string[]): Promise<Results>;
  /**
   * Replaces state. The arrays are copied; with `transfer` they are transferred and must not be used again, so that memory does not hold a
   * large state twice.
   */
  writeState(values: Feeds, options?: { readonly transfer?: boolean }): Promise<void>;
}

function compileFunction(state: ReadonlySet<Tensor>, source: ProgramFunction, device: Device): CompiledFunction {
  const options = { lacking: lackingNodes[device], namesOutputs: true };
  const next = source.next ?? {};
  const byName = new Map([...state].map((tensor) => [inputName(tensor)!, tensor]));
  const writes = Object.fromEntries(Object.keys(next).map((name) => [name, `next:${name}`]));
  for (const name of Object.keys(next))
    if (!byName.has(name)) throw new Error(`next has no state ${name}; declare it in state`);
  if ((source.stepsPerRun ?? 1) > 1) {
    if (device === "webgpu") throw new DeviceError(`${device} cannot take several steps in one run; omit stepsPerRun`);
    // State that is read but never replaced is carried too, because the body of a loop has no other inputs.
    const used = new Set(readBy([...Object.values(source.outputs), ...Object.values(next)], state));
    const reads = [...state].filter((tensor) => inputName(tensor)! in next || used.has(tensor));
    const carried = reads.map((tensor) => {
      const name = inputName(tensor)!;
      writes[name] = `next:${name}`;
      return { input: tensor, next: next[name] ?? tensor, output: writes[name] };
    });
    const model = writeOnnxLoop(
      {
        steps: source.stepsPerRun!,
        carried: carried.reverse(),
        perStep: source.inputs,
        results: source.outputs,
      },
      options,
    );
    // A loop returns its outputs after its last step.
    return { model, reads: reads.map((tensor) => inputName(tensor)!), writes, overwrites: Object.keys(writes) };
  }
  // Metrics first, then the next values from the last layer to the first. The runtime schedules in the order of the outputs, and the
  // backward pass computes the last layer's gradients first; the reverse order needs the most memory.
  const outputs = {
    ...source.outputs,
    ...Object.fromEntries(
      Object.entries(next)
        .reverse()
        .map(([name, tensor]) => [writes[name]!, tensor]),
    ),
  };
  const reads = readBy(Object.values(outputs), state);
  const model = writeOnnx(outputs, [...source.inputs, ...reads], options);
  const overwrites = overwritable(Object.values(outputs), next, state);
  return { model, reads: reads.map((tensor) => inputName(tensor)!), writes, overwrites };
}

function readBy(outputs: readonly Tensor[], state: ReadonlySet<Tensor>): Tensor[] {
  const leaves = new Set(reachable(outputs).flatMap((node) => node.outputs));
  return [...state].filter((tensor) => leaves.has(tensor));
}

/**
 * Writes and compiles the functions of a program. Throws DeviceError if the device is not available, and the graph writer's errors if a
 * function uses an input that is neither declared nor state.
 */
export async function compile(source: ProgramSource, options: CompileOptions = {}): Promise<Program> {
  const device = options.device ?? "cpu";
  const started = performance.now();
  const state = new Set(source.state);
  const compiled: CompiledProgram = {
    state: Object.fromEntries(
      source.state.map((tensor) => [inputName(tensor)!, { dtype: tensor.dtype, shape: tensor.shape }]),
    ),
    functions: Object.fromEntries(
      Object.entries(source.functions).map(([name, body]) => [name, compileFunction(state, body, device)]),
    ),
  };
  return await startProgram(compiled, options, started);
}

/**
 * Opens the sessions of compiled functions. `started` is the time when writing began, in the milliseconds of `performance.now`. Throws
 * DeviceError if the device is not available.
 */
export async function startProgram(
  compiled: CompiledProgram,
  options: CompileOptions = {},
  started = performance.now(),
): Promise<Program> {
  const device = options.device ?? "cpu";
  const written = performance.now();
  const threads = options.threads ?? availableThreads();
  const engineOptions = {
    device,
    threads,
    copyOutputs: options.copyOutputs ?? false,
    profilePrefix: options.profilePrefix,
  };
  const engine: Remote = options.inThread
    ? new LocalEngine(new Engine(compiled, engineOptions))
    : new WorkerEngine(compiled, engineOptions);
  await closeOnError(engine, async () => {
    await engine.call({ kind: "prepare" });
  });
  const run = async (
    name: string,
    feeds: Feeds,
    { transfer = false, commitWhenFinite }: FeedOptions & { readonly commitWhenFinite?: readonly string[] } = {},
  ): Promise<Attempt> =>
    await engine.call({ kind: "run", name, feeds: transfer ? feeds : copies(feeds), commitWhenFinite });
  const names = Object.keys(compiled.state);
  const nodes = Object.fromEntries(
    Object.entries(compiled.functions).map(([name, { model }]) => [name, model.nodeCount]),
  );
  return closable<Program>({
    device,
    threads,
    state: compiled.state,
    nodes,
    seconds: { write: (written - started) / 1000, compile: (performance.now() - written) / 1000 },
    run: async (name, feeds, options) => (await run(name, feeds, options)).results,
    step: async (feeds, options) => (await run("step", feeds, options)).results,
    attempt: run,
    readState: async (wanted = names) => (await engine.call({ kind: "read", names: wanted })).results,
    writeState: async (values, { transfer = false } = {}) => {
      const own = transfer ? handedOver(values) : copies(values);
      await engine.call({ kind: "write", values: own });
    },
    close: () => engine.close(),
  });
}

/** Requests to the engine; the messages between the two threads. */
export type Request =
  | { readonly kind: "prepare" }
  | {
      readonly kind: "run";
      readonly name: string;
      readonly feeds: Feeds;
      readonly commitWhenFinite?: readonly string[] | undefined;
    }
  | { readonly kind: "read"; readonly names: readonly string[] }
  | { readonly kind: "write"; readonly values: Feeds };

interface Remote {
  call(request: Request): Promise<Attempt>;
  close(): Promise<void>;
}

/** Initial data of the worker thread. */
export interface EngineWorkerData {
  readonly program: CompiledProgram;
  readonly options: EngineOptions;
  /** Set to 1 when the program is closed: waiting requests are then rejected. */
  readonly closing: Int32Array;
}

export const closedMessage = "the program is closed";

/** Executes a request on an engine; requests without results return an empty object. */
export async function serve(engine: Engine, request: Request): Promise<Attempt> {
  switch (request.kind) {
    case "prepare":
      await engine.prepare();
      return { results: {}, committed: false };
    case "run":
      return engine.run(request.name, request.feeds, request.commitWhenFinite);
    case "read":
      return { results: await engine.read(request.names), committed: false };
    case "write":
      engine.write(request.values);
      return { results: {}, committed: true };
  }
}

class LocalEngine implements Remote {
  private last: Promise<unknown> = Promise.resolve();
  private closed: Promise<void> | undefined;
  constructor(private readonly engine: Engine) {}

  call(request: Request): Promise<Attempt> {
    if (this.closed) return Promise.reject(new Error(closedMessage));
    const result = this.last.then(() => serve(this.engine, request));
    this.last = result.catch(() => {});
    return result;
  }

  async close(): Promise<void> {
    this.closed ??= this.last.then(() => this.engine.close());
    await this.closed;
  }
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

class WorkerEngine implements Remote {
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
