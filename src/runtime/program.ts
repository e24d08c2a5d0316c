/** Programs: graphs compiled for a device, together with their state. */
import { type Closable, closable, closeOnError } from "../files/closable.js";
import {
  type ArrayOf,
  type ArraysOf,
  inputName,
  reachable,
  type Tensor,
  type TensorType,
  writeOnnx,
  writeOnnxLoop,
} from "../graph/index.js";
import { type Device, DeviceError, lackingNodes } from "./devices.js";
import {
  type Attempt,
  type CompiledFunction,
  type CompiledProgram,
  Engine,
  type Feeds,
  type Results,
} from "./engine.js";
import { copies, handedOver } from "./feeds.js";
import { overwritable } from "./overwrites.js";
import type { Platform } from "./platform.js";
import { LocalEngine, type Remote } from "./remote.js";

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

/** What `compile` makes a program of: functions that share state. */
export interface ProgramSource {
  /** Graph inputs that the program keeps between runs. */
  readonly state: readonly Tensor[];
  readonly functions: Readonly<Record<string, ProgramFunction>>;
}

/** Where and with how many threads a program runs. */
export interface CompileOptions {
  /** Default: cpu. */
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

/** The arrays that a function returns, by the names of its outputs; their types are those of the output tensors. */
type OutputsOf<F extends ProgramFunction> = ArraysOf<F["outputs"]>;

/** The outputs of the function named `step`. */
type StepOutputs<S extends ProgramSource> = S["functions"] extends { readonly step: infer F extends ProgramFunction }
  ? OutputsOf<F>
  : Results;

/** Values of state tensors by name. */
type StateOf<S extends ProgramSource> = Record<string, ArrayOf<S["state"][number]["dtype"]>>;

/**
 * A compiled program. Runs are executed sequentially, in the order of the calls. `S` is the type of its source, which decides the types of its
 * results.
 */
export interface Program<S extends ProgramSource = ProgramSource> extends Closable {
  readonly device: Device;
  /** Threads inside one operation. */
  readonly threads: number;
  /** Names and types of the state. */
  readonly state: Readonly<Record<string, TensorType>>;
  /** Seconds spent writing the graphs and opening the sessions. */
  readonly seconds: { readonly write: number; readonly compile: number };
  readonly nodes: Readonly<Record<string, number>>;
  /** Runs a function. The arrays are copied first, unless `transfer` is set. */
  run<N extends keyof S["functions"] & string>(
    name: N,
    feeds: Feeds,
    options?: FeedOptions,
  ): Promise<OutputsOf<S["functions"][N]>>;
  /** Runs the function named `step`. */
  step(feeds: Feeds, options?: FeedOptions): Promise<StepOutputs<S>>;
  /**
   * Runs a function, and replaces state only if every number of the named outputs is finite; the steps of one run are kept all or none.
   * `committed` reports whether state was replaced. Throws before the run if an output does not exist.
   */
  attempt<N extends keyof S["functions"] & string>(
    name: N,
    feeds: Feeds,
    options: FeedOptions & { readonly commitWhenFinite: readonly string[] },
  ): Promise<Attempt<OutputsOf<S["functions"][N]>>>;
  readState(names?: readonly string[]): Promise<StateOf<S>>;
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
export async function compileOn<S extends ProgramSource>(
  platform: Platform,
  source: S,
  options: CompileOptions = {},
): Promise<Program<S>> {
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
  return (await startProgramOn(platform, compiled, options, started)) as Program<S>;
}

/**
 * Opens the sessions of compiled functions. `started` is the time when writing began, in the milliseconds of `performance.now`. Throws
 * DeviceError if the device is not available.
 */
export async function startProgramOn(
  platform: Platform,
  compiled: CompiledProgram,
  options: CompileOptions = {},
  started = performance.now(),
): Promise<Program> {
  const device = options.device ?? "cpu";
  const written = performance.now();
  const threads = options.threads ?? platform.availableThreads();
  const engineOptions = {
    device,
    threads,
    copyOutputs: options.copyOutputs ?? false,
    profilePrefix: options.profilePrefix,
  };
  if (options.inThread === false && !platform.startThread) {
    throw new Error(
      "inThread is false, but a browser runs programs in the calling thread; call compile in a Web Worker, and omit inThread",
    );
  }
  const engine: Remote =
    options.inThread || !platform.startThread
      ? new LocalEngine(new Engine(platform, compiled, engineOptions))
      : platform.startThread(compiled, engineOptions);
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
