// Programs: graphs compiled for a device, with the state they own. They run in a worker thread, because a run blocks
// the thread that calls it; a loader, a progress line and Ctrl-C live beside it.
import { Worker } from "node:worker_threads";
import { inputName, reachable, type Tensor, type TensorType, writeOnnx, writeOnnxLoop } from "../graph/index.js";
import { builtModule } from "../text/built.js";
import { type Device, DeviceError, lackingNodes } from "./devices.js";
import { type CompiledFunction, type CompiledProgram, Engine, type Feeds, type Results } from "./engine.js";

/** One function of a program: what it takes, what it returns, and which state it replaces. */
export interface ProgramFunction {
  /** Inputs given at each run (graph inputs that are not state). */
  readonly inputs: readonly Tensor[];
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** Next values of state tensors, by the name of the state. */
  readonly next?: Readonly<Record<string, Tensor>>;
  /** Take this many steps in one run (inputs and outputs are then stacked, [steps, ...]); 1 when left out. CPU only. */
  readonly stepsPerRun?: number;
}

export interface ProgramSource {
  /** Graph inputs that live in the program from run to run. */
  readonly state: readonly Tensor[];
  readonly functions: Readonly<Record<string, ProgramFunction>>;
}

export interface CompileOptions {
  readonly device?: Device;
  /** Threads inside one operation; the runtime's choice when left out. */
  readonly threads?: number;
  /** Run in the calling thread (which every run then blocks) and not in a worker. */
  readonly inThread?: boolean;
  /** Prefix of the runtime's own trace files. */
  readonly profilePrefix?: string;
}

/** A compiled program. Runs are taken one after the other, in the order they were asked for. */
export interface Program {
  readonly device: Device;
  /** Names and types of the state. */
  readonly state: Readonly<Record<string, TensorType>>;
  /** Seconds spent writing the graphs and opening the sessions. */
  readonly seconds: { readonly write: number; readonly compile: number };
  readonly nodes: Readonly<Record<string, number>>;
  /** Runs a function; arrays given are taken over until the promise settles, and must not be touched before. */
  run(name: string, feeds: Feeds): Promise<Results>;
  /** Runs the function named `step`. */
  step(feeds: Feeds): Promise<Results>;
  readState(names?: readonly string[]): Promise<Results>;
  /** Replaces state; the arrays are copied. */
  writeState(values: Feeds): Promise<void>;
  close(): Promise<void>;
}

function compileFunction(state: ReadonlySet<Tensor>, source: ProgramFunction, device: Device): CompiledFunction {
  const options = { lacking: lackingNodes[device] };
  const next = source.next ?? {};
  const byName = new Map([...state].map((tensor) => [inputName(tensor)!, tensor]));
  const writes = Object.fromEntries(Object.keys(next).map((name) => [name, `next:${name}`]));
  for (const name of Object.keys(next)) if (!byName.has(name)) throw new Error(`no state ${name} to give a next value`);
  if ((source.stepsPerRun ?? 1) > 1) {
    const reads = [...state].filter((tensor) => inputName(tensor)! in next);
    const model = writeOnnxLoop(
      {
        steps: source.stepsPerRun!,
        carried: reads
          .map((tensor) => ({ input: tensor, next: next[inputName(tensor)!]!, output: writes[inputName(tensor)!]! }))
          .reverse(),
        perStep: source.inputs,
        results: source.outputs,
      },
      options,
    );
    return { model, reads: reads.map((tensor) => inputName(tensor)!), writes };
  }
  // Metrics first, then the next values from the last layer back: the runtime schedules in the order of the outputs,
  // and the backward pass makes the last layer's gradients first (costs the most memory otherwise).
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
  return { model, reads: reads.map((tensor) => inputName(tensor)!), writes };
}

function readBy(outputs: readonly Tensor[], state: ReadonlySet<Tensor>): Tensor[] {
  const leaves = new Set(reachable(outputs).flatMap((node) => node.outputs));
  return [...state].filter((tensor) => leaves.has(tensor));
}

/**
 * Writes and compiles the functions of a program. Throws DeviceError when the device is not there; throws what the
 * graph writer throws when a function uses an input that is neither given nor state.
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
  const written = performance.now();
  const engineOptions = {
    device,
    ...(options.threads !== undefined && { threads: options.threads }),
    ...(options.profilePrefix !== undefined && { profilePrefix: options.profilePrefix }),
  };
  const engine: Remote = options.inThread
    ? new LocalEngine(new Engine(compiled, engineOptions))
    : new WorkerEngine(compiled, engineOptions);
  try {
    await engine.call({ kind: "prepare" });
  } catch (error) {
    await engine.close().catch(() => {});
    throw error;
  }
  const names = Object.keys(compiled.state);
  const nodes = Object.fromEntries(
    Object.entries(compiled.functions).map(([name, { model }]) => [name, model.nodeCount]),
  );
  return {
    device,
    state: compiled.state,
    nodes,
    seconds: { write: (written - started) / 1000, compile: (performance.now() - written) / 1000 },
    run: (name, feeds) => engine.call({ kind: "run", name, feeds }) as Promise<Results>,
    step: (feeds) => engine.call({ kind: "run", name: "step", feeds }) as Promise<Results>,
    readState: (wanted = names) => engine.call({ kind: "read", names: wanted }) as Promise<Results>,
    writeState: async (values) => {
      const copies = Object.entries(values).map(([name, data]) => [name, data.slice()]);
      await engine.call({ kind: "write", values: Object.fromEntries(copies) });
    },
    close: () => engine.close(),
  };
}

/** What the engine is asked to do; the messages between the two threads. */
export type Request =
  | { readonly kind: "prepare" }
  | { readonly kind: "run"; readonly name: string; readonly feeds: Feeds }
  | { readonly kind: "read"; readonly names: readonly string[] }
  | { readonly kind: "write"; readonly values: Feeds };

interface Remote {
  call(request: Request): Promise<Results | undefined>;
  close(): Promise<void>;
}

/** Does to an engine what a request asks. */
export async function serve(engine: Engine, request: Request): Promise<Results | undefined> {
  switch (request.kind) {
    case "prepare":
      return void (await engine.prepare());
    case "run":
      return engine.run(request.name, request.feeds);
    case "read":
      return engine.read(request.names);
    case "write":
      return void engine.write(request.values);
  }
}

class LocalEngine implements Remote {
  private last: Promise<unknown> = Promise.resolve();
  constructor(private readonly engine: Engine) {}

  call(request: Request): Promise<Results | undefined> {
    const result = this.last.then(() => serve(this.engine, request));
    this.last = result.catch(() => {});
    return result;
  }

  async close(): Promise<void> {
    await this.last;
    await this.engine.close();
  }
}

interface Pending {
  resolve(results: Results | undefined): void;
  reject(error: Error): void;
  readonly request: Request;
}

/** What the worker answers: the results, and the feeds given back. */
export type Answer =
  | { readonly id: number; readonly results: Results | undefined; readonly feeds: Feeds | undefined }
  | { readonly id: number; readonly error: { readonly name: string; readonly message: string } };

class WorkerEngine implements Remote {
  private readonly worker: Worker;
  private readonly pending = new Map<number, Pending>();
  private nextId = 0;
  private failure: Error | undefined;

  constructor(program: CompiledProgram, options: ConstructorParameters<typeof Engine>[1]) {
    this.worker = new Worker(builtModule(import.meta.url, "./engine-worker.js"), { workerData: { program, options } });
    this.worker.on("message", (answer: Answer) => this.settle(answer));
    this.worker.on("error", (error: unknown) => this.fail(error instanceof Error ? error : new Error(String(error))));
    this.worker.on("exit", (code) => this.fail(new Error(`the engine's thread ended (code ${code})`)));
    this.worker.unref();
  }

  call(request: Request): Promise<Results | undefined> {
    if (this.failure) return Promise.reject(this.failure);
    this.worker.ref();
    return new Promise((resolve, reject) => {
      const id = this.nextId++;
      this.pending.set(id, { resolve, reject, request });
      const arrays = request.kind === "run" ? request.feeds : request.kind === "write" ? request.values : {};
      const buffers = new Set(Object.values(arrays).map((array) => array.buffer as ArrayBuffer));
      this.worker.postMessage({ id, request }, [...buffers]);
    });
  }

  private settle(answer: Answer): void {
    const pending = this.pending.get(answer.id)!;
    this.pending.delete(answer.id);
    if (this.pending.size === 0) this.worker.unref();
    if ("error" in answer) {
      const Kind = answer.error.name === "DeviceError" ? DeviceError : Error;
      pending.reject(new Kind(answer.error.message));
      return;
    }
    // the caller's arrays went to the worker and came back as new ones over the same memory
    if (pending.request.kind === "run" && answer.feeds) Object.assign(pending.request.feeds, answer.feeds);
    pending.resolve(answer.results);
  }

  private fail(error: Error): void {
    this.failure ??= error;
    for (const { reject } of this.pending.values()) reject(this.failure);
    this.pending.clear();
  }

  async close(): Promise<void> {
    this.failure ??= new Error("the program is closed");
    await this.worker.terminate();
  }
}
