/**
 * Owns the state of a program and runs its functions in the calling thread; used by the worker and by in-thread programs.
 */
import {
  allFinite,
  allocate,
  elementCount,
  input,
  type NumericArray,
  type OnnxModel,
  stopGradient,
  type TensorType,
  writeOnnx,
} from "../graph/index.js";
import type { Device } from "./devices.js";
import type { DirectSession, DirectTensor, Platform, RuntimeTensor } from "./platform.js";
import {
  forwardSettings,
  measuredSettings,
  openSessionOn,
  requireKind,
  type Session,
  shapeOf,
  toRuntimeTensor,
} from "./session.js";

/** A compiled function of a program. */
export interface CompiledFunction {
  readonly model: OnnxModel;
  /** Names of the state tensors it reads. */
  readonly reads: readonly string[];
  /** For each state tensor it replaces, the output with the next value. */
  readonly writes: Readonly<Record<string, string>>;
  /** State tensors whose next values may overwrite the current ones during the run. Default: none. */
  readonly overwrites?: readonly string[];
}

export interface CompiledProgram {
  readonly state: Readonly<Record<string, TensorType>>;
  readonly functions: Readonly<Record<string, CompiledFunction>>;
}

export interface EngineOptions {
  readonly device: Device;
  readonly threads: number;
  readonly profilePrefix?: string;
  /** Use only the Node binding, which copies outputs, even if the C interface is available. */
  readonly copyOutputs?: boolean;
  /**
   * Whether nothing else happens in the calling thread. Then all functions use the C interface, which blocks it from the start of a run to its end;
   * otherwise only functions that replace state. Default: false.
   */
  readonly ownsThread?: boolean;
}

/** Values of the inputs of a function, by name, in row-major order. */
export type Feeds = Readonly<Record<string, NumericArray>>;
/** Values of the outputs of a function, by name, in row-major order. */
export type Results = Record<string, NumericArray>;

/** Results of a run, and whether it replaced the state. */
export interface Attempt<R extends Results = Results> {
  readonly results: R;
  readonly committed: boolean;
}

/** Storage of a state tensor: a typed array on the CPU, a tensor of the runtime on a GPU. */
type Held = NumericArray | RuntimeTensor;

/** A function with an open session, through the C interface or through the binding. */
type Opened =
  | { readonly kind: "bound"; readonly session: Session; close(): Promise<void> }
  | { readonly kind: "direct"; readonly session: DirectSession; close(): Promise<void> };

export class Engine {
  private readonly state = new Map<string, Held>();
  private readonly sessions = new Map<string, Promise<Opened>>();
  /** Second arrays of state tensors, which receive the next values. */
  private readonly spares = new Map<string, NumericArray>();

  constructor(
    private readonly platform: Platform,
    private readonly program: CompiledProgram,
    private readonly options: EngineOptions,
  ) {}

  /** Opens the sessions of the given functions (default: all), so that the first run is not delayed. */
  async prepare(names: readonly string[] = Object.keys(this.program.functions)): Promise<void> {
    for (const name of names) await this.session(name);
  }

  /** Sets state tensors. Throws, without changing any, if a name is unknown or a size does not match. */
  write(values: Feeds): void {
    for (const [name, data] of Object.entries(values)) {
      const { dtype, shape } = this.typeOf(name);
      if (data.length !== elementCount(shape)) {
        throw new Error(`state ${name} is ${dtype} [${shape.join(", ")}]; got ${data.length} numbers`);
      }
    }
    for (const [name, data] of Object.entries(values)) this.replace(name, data);
  }

  /** Copies state tensors. */
  async read(names: readonly string[]): Promise<Results> {
    const out: Results = {};
    // One session for all tensors of a type: the parameters of a network have few types.
    const copiers = new Map<string, Promise<Session>>();
    try {
      for (const name of names) {
        const held = this.held(name);
        out[name] = isRuntimeTensor(held) ? await this.fetch(name, held, copiers) : held.slice();
      }
    } finally {
      for (const copier of copiers.values()) await (await copier.catch(() => undefined))?.close();
    }
    return out;
  }

  /**
   * Runs a function. The state it replaces is updated only if the run succeeds and all numbers of the outputs in `commitWhenFinite` are
   * finite.
   */
  async run(name: string, feeds: Feeds, commitWhenFinite: readonly string[] = []): Promise<Attempt> {
    const compiled = this.functionOf(name);
    const guards = commitWhenFinite.map((output) => guardOf(name, compiled, output));
    const opened = await this.session(name);
    return opened.kind === "direct"
      ? this.runDirect(name, compiled, opened.session, feeds, guards)
      : await this.runBound(name, compiled, opened.session, feeds, guards);
  }

  /** Runs through the runtime's Node binding, whose outputs are new arrays. */
  private async runBound(
    name: string,
    compiled: CompiledFunction,
    session: Session,
    feeds: Feeds,
    guards: readonly string[],
  ): Promise<Attempt> {
    const given: Record<string, RuntimeTensor> = {};
    for (const [input, { type, value }] of this.inputsOf(name, compiled, feeds)) {
      given[input] = isRuntimeTensor(value)
        ? value
        : toRuntimeTensor(this.platform, this.options.device, input, type, value);
    }
    const results = await session.runTensors(given);
    const replaced = new Map<string, Held>();
    for (const [state, output] of Object.entries(compiled.writes)) {
      const tensor = results[output]!;
      replaced.set(state, tensor.location === "cpu" ? (tensor.data as NumericArray) : tensor);
      delete (results as Record<string, unknown>)[output];
    }
    const committed = guards.every((output) => allFinite(results[output]!.data as NumericArray));
    for (const [state, value] of replaced) {
      if (committed) this.replace(state, value);
      else release(value);
    }
    return {
      results: Object.fromEntries(
        Object.entries(results).map(([output, tensor]) => [output, tensor.data as NumericArray]),
      ),
      committed,
    };
  }

  /**
   * Runs through the runtime's C interface. Next values overwrite the current ones if that is safe; otherwise they go to a second array, which
   * alternates with the first. With guards they always go to the second array, because the current values may have to be kept.
   */
  private runDirect(
    name: string,
    compiled: CompiledFunction,
    session: DirectSession,
    feeds: Feeds,
    guards: readonly string[],
  ): Attempt {
    const inputs = [...this.inputsOf(name, compiled, feeds)].map(([input, { type, value, isState }]) =>
      directTensor(input, type, value, isState),
    );
    const overwritten = new Set(guards.length === 0 ? compiled.overwrites : []);
    const states = new Map(Object.entries(compiled.writes).map(([state, output]) => [output, state]));
    const outputs = new Map<string, DirectTensor>();
    for (const { name: output, type } of compiled.model.outputs) {
      const state = states.get(output);
      const data =
        state === undefined
          ? allocate(type.dtype, elementCount(type.shape))
          : overwritten.has(state)
            ? (this.held(state) as NumericArray)
            : this.spareOf(state);
      outputs.set(output, { type, data, isLasting: state !== undefined });
    }
    session.run(inputs, [...outputs.values()]);
    const committed = guards.every((output) => allFinite(outputs.get(output)!.data));
    if (committed)
      for (const [output, state] of states)
        if (!overwritten.has(state)) this.exchange(state, outputs.get(output)!.data);
    const results = [...outputs].filter(([output]) => !states.has(output));
    return { results: Object.fromEntries(results.map(([output, { data }]) => [output, data])), committed };
  }

  /** Collects a function's inputs from the state and the feeds. Throws if one is missing. */
  private inputsOf(
    name: string,
    compiled: CompiledFunction,
    feeds: Feeds,
  ): Map<string, { type: TensorType; value: Held; isState: boolean }> {
    const reads = new Set(compiled.reads);
    return new Map(
      compiled.model.inputs.map(({ name: input, type }) => {
        const isState = reads.has(input);
        const value = isState ? this.held(input) : feeds[input];
        if (value === undefined) throw new Error(`${name}: missing value of input ${input}; pass it in the feeds`);
        return [input, { type, value, isState }];
      }),
    );
  }

  /** Returns an array for a state tensor's next value while its current one is read. */
  private spareOf(state: string): NumericArray {
    const { dtype, shape } = this.typeOf(state);
    const spare = this.spares.get(state) ?? allocate(dtype, elementCount(shape));
    this.spares.set(state, spare);
    return spare;
  }

  /** Swaps the spare array of a state tensor with its current one. */
  private exchange(state: string, spare: NumericArray): void {
    const before = this.state.get(state);
    this.state.set(state, spare);
    if (before === undefined || isRuntimeTensor(before)) this.spares.delete(state);
    else this.spares.set(state, before);
  }

  async close(): Promise<void> {
    for (const held of this.state.values()) if (isRuntimeTensor(held)) held.dispose();
    this.state.clear();
    this.spares.clear();
    // If a session could not be opened, the caller of the run has received the error already.
    for (const session of this.sessions.values()) await (await session.catch(() => undefined))?.close();
    this.sessions.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private replace(name: string, value: Held): void {
    const before = this.state.get(name);
    this.state.set(name, value);
    if (before) release(before);
  }

  private session(name: string): Promise<Opened> {
    const known = this.sessions.get(name);
    if (known) return known;
    const opened = this.open(name);
    this.sessions.set(name, opened);
    return opened;
  }

  private async open(name: string): Promise<Opened> {
    const { model, writes } = this.functionOf(name);
    const { device, threads, profilePrefix, copyOutputs = false, ownsThread = false } = this.options;
    const prefix = profilePrefix === undefined ? undefined : `${profilePrefix}-${name}`;
    const replacesState = Object.keys(writes).length > 0;
    const settings = replacesState ? measuredSettings : forwardSettings;
    if (device === "cpu" && (ownsThread || replacesState) && !copyOutputs) {
      const options = { threads, profilePrefix: prefix, settings };
      const direct = await this.platform.openDirect?.(model, options);
      if (direct) return { kind: "direct", session: direct, close: async () => direct.close() };
    }
    const session = await openSessionOn(this.platform, model, {
      device,
      threads,
      profilePrefix: prefix,
      keepOnDevice: Object.values(writes),
      settings,
    });
    return { kind: "bound", session, close: () => session.close() };
  }

  private functionOf(name: string): CompiledFunction {
    const found = this.program.functions[name];
    if (!found)
      throw new Error(`unknown function ${name}; available: ${Object.keys(this.program.functions).join(", ")}`);
    return found;
  }

  private typeOf(name: string): TensorType {
    const type = this.program.state[name];
    if (!type) throw new Error(`unknown state ${name}; this program has ${Object.keys(this.program.state).join(", ")}`);
    return type;
  }

  private held(name: string): Held {
    this.typeOf(name);
    const held = this.state.get(name);
    if (held === undefined) throw new Error(`state ${name} has no value; set it with writeState first`);
    return held;
  }

  /**
   * Copies a tensor from the device. The runtime aborts the process when the data of such a tensor is read directly, so an identity program
   * with its output on the CPU is used.
   */
  private async fetch(
    name: string,
    tensor: RuntimeTensor,
    copiers: Map<string, Promise<Session>>,
  ): Promise<NumericArray> {
    const type = this.typeOf(name);
    const key = `${type.dtype} ${type.shape.join()}`;
    let copier = copiers.get(key);
    if (!copier) {
      copier = openSessionOn(this.platform, identityModel(type), this.options);
      copiers.set(key, copier);
    }
    const { value } = await (await copier).runTensors({ value_in: tensor });
    return value!.data as NumericArray;
  }
}

/** Returns the output that decides whether state is replaced; throws if the function does not have it. */
function guardOf(name: string, compiled: CompiledFunction, output: string): string {
  const written = new Set(Object.values(compiled.writes));
  const known = compiled.model.outputs.map((entry) => entry.name).filter((entry) => !written.has(entry));
  if (known.includes(output)) return output;
  throw new Error(`${name} has no output ${output}; commitWhenFinite expects some of ${known.join(", ")}`);
}

/** Converts a state tensor or feed for the C interface. Throws if the size or type of the array does not match. */
function directTensor(name: string, type: TensorType, value: Held, isLasting: boolean): DirectTensor {
  const data = value as NumericArray;
  const shape = shapeOf(name, type, data);
  requireKind(name, type, data);
  return { type: { dtype: type.dtype, shape }, data, isLasting };
}

/** Identity model, which copies a tensor from the device: input `value_in`, output `value`. */
function identityModel({ dtype, shape }: TensorType): OnnxModel {
  const value = input("value_in", dtype, shape);
  return writeOnnx({ value: stopGradient(value) }, [value]);
}

const isRuntimeTensor = (held: Held): held is RuntimeTensor => !ArrayBuffer.isView(held);

const grave = new MessageChannel();
grave.port1.close();

/** Frees the memory of a replaced state tensor immediately; waiting for the garbage collector would keep several copies. */
function release(held: Held): void {
  if (isRuntimeTensor(held)) held.dispose();
  else if (held.buffer.byteLength > 1 << 16) {
    // Transferring an ArrayBuffer detaches it here, and the closed port drops it.
    grave.port2.postMessage(null, [held.buffer as ArrayBuffer]);
  }
}
