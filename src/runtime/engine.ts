/**
 * Owns the state of a program and runs its functions in the calling thread; the worker and in-thread programs use it.
 */
import type { Tensor as RuntimeTensor } from "onnxruntime-node";
import {
  allocate,
  elementCount,
  input,
  type NumericArray,
  type OnnxModel,
  stopGradient,
  type TensorType,
  writeOnnx,
} from "../graph/index.js";
import { type Device, explainDeviceFailure } from "./devices.js";
import { type DirectSession, type DirectTensor, openDirectSession } from "./direct.js";
import {
  measuredSettings,
  openSession,
  requireKind,
  requireRows,
  type Session,
  shapeOf,
  toRuntimeTensor,
} from "./session.js";

/** A function of a program, written down. */
export interface CompiledFunction {
  readonly model: OnnxModel;
  /** State tensors it reads, by name. */
  readonly reads: readonly string[];
  /** State tensors it replaces: the output that holds the next value of each. */
  readonly writes: Readonly<Record<string, string>>;
  /** State tensors whose next values may be written over the current ones while it runs; none by default. */
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
  /** Run through the Node binding alone, which copies what a function gives; also where the C interface could be had. */
  readonly copyOutputs?: boolean;
}

export type Feeds = Readonly<Record<string, NumericArray>>;
export type Results = Record<string, NumericArray>;

/** What a run gave, and whether the state it would replace was replaced. */
export interface Attempt {
  readonly results: Results;
  readonly committed: boolean;
}

/** Where state lives: typed arrays on the CPU, tensors of the runtime on a GPU. */
type Held = NumericArray | RuntimeTensor;

/** A function ready to run: through the C interface, or through the binding. */
type Opened =
  | { readonly kind: "bound"; readonly session: Session; close(): Promise<void> }
  | { readonly kind: "direct"; readonly session: DirectSession; close(): Promise<void> };

export class Engine {
  private readonly state = new Map<string, Held>();
  private readonly sessions = new Map<string, Promise<Opened>>();
  /** Second arrays of state tensors, which their next values are written to. */
  private readonly spares = new Map<string, NumericArray>();

  constructor(
    private readonly program: CompiledProgram,
    private readonly options: EngineOptions,
  ) {}

  /** Opens the sessions of the given functions (default: all), so that the first run does not wait. */
  async prepare(names: readonly string[] = Object.keys(this.program.functions)): Promise<void> {
    for (const name of names) await this.session(name);
  }

  /** Gives state tensors new values. Throws, and changes none, when a name is unknown or a size does not fit. */
  write(values: Feeds): void {
    for (const [name, data] of Object.entries(values)) {
      const { dtype, shape } = this.typeOf(name);
      if (data.length !== elementCount(shape)) {
        throw new Error(`state ${name} is ${dtype} [${shape.join(", ")}]; got ${data.length} numbers`);
      }
    }
    for (const [name, data] of Object.entries(values)) this.replace(name, data);
  }

  /** Copies of state tensors. */
  async read(names: readonly string[]): Promise<Results> {
    const out: Results = {};
    // one session for all tensors of a type: a network's parameters have few
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
   * Runs a function on its inputs; state it replaces is replaced only when the run succeeds, and only when every number
   * of the outputs named in `commitWhenFinite` is finite.
   */
  async run(name: string, feeds: Feeds, commitWhenFinite: readonly string[] = []): Promise<Attempt> {
    const compiled = this.functionOf(name);
    const guards = commitWhenFinite.map((output) => guardOf(name, compiled, output));
    const opened = await this.session(name);
    return opened.kind === "direct"
      ? this.runDirect(name, compiled, opened.session, feeds, guards)
      : await this.runBound(name, compiled, opened.session, feeds, guards);
  }

  /** Through the runtime's Node binding: what the function gives is new. */
  private async runBound(
    name: string,
    compiled: CompiledFunction,
    session: Session,
    feeds: Feeds,
    guards: readonly string[],
  ): Promise<Attempt> {
    const given: Record<string, RuntimeTensor> = {};
    for (const [input, { type, value }] of this.inputsOf(name, compiled, feeds)) {
      given[input] = isRuntimeTensor(value) ? value : toRuntimeTensor(input, type, value);
    }
    const results = await session.runtime.run(given).catch((error) => {
      throw explainDeviceFailure(this.options.device, error);
    });
    requireRows(compiled.model, results);
    const replaced = new Map<string, Held>();
    for (const [state, output] of Object.entries(compiled.writes)) {
      const tensor = results[output]!;
      replaced.set(state, tensor.location === "cpu" ? (tensor.data as NumericArray) : tensor);
      delete (results as Record<string, unknown>)[output];
    }
    const committed = guards.every((output) => allFinite(results[output]!));
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
   * Through the runtime's C interface: next values are written over the current ones where that is safe, else into a second array
   * of each, which takes turns with the first. With guards always into the second: the first may have to stay.
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
    const committed = guards.every((output) =>
      allFinite({ type: outputs.get(output)!.type.dtype, data: outputs.get(output)!.data }),
    );
    if (committed)
      for (const [output, state] of states)
        if (!overwritten.has(state)) this.exchange(state, outputs.get(output)!.data);
    const results = [...outputs].filter(([output]) => !states.has(output));
    return { results: Object.fromEntries(results.map(([output, { data }]) => [output, data])), committed };
  }

  /** What a function is given: its state and its feeds. Throws when one is missing. */
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
        if (value === undefined) throw new Error(`${name}: no value given for input ${input}`);
        return [input, { type, value, isState }];
      }),
    );
  }

  /** The array that a state tensor's next value may go to while its current one is read. */
  private spareOf(state: string): NumericArray {
    const { dtype, shape } = this.typeOf(state);
    const spare = this.spares.get(state) ?? allocate(dtype, elementCount(shape));
    this.spares.set(state, spare);
    return spare;
  }

  /** Makes the spare array of a state tensor its current one, and the other way round. */
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
    // the caller of one that could not be opened has the error already
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
    const { device, threads, profilePrefix, copyOutputs = false } = this.options;
    const prefix = profilePrefix === undefined ? undefined : `${profilePrefix}-${name}`;
    if (device === "cpu" && Object.keys(writes).length > 0 && !copyOutputs) {
      const options = { threads, profilePrefix: prefix, settings: measuredSettings };
      const direct = await openDirectSession(model, options);
      if (direct) return { kind: "direct", session: direct, close: async () => direct.close() };
    }
    const session = await openSession(model, {
      device,
      threads,
      profilePrefix: prefix,
      keepOnDevice: Object.values(writes),
    });
    return { kind: "bound", session, close: () => session.close() };
  }

  private functionOf(name: string): CompiledFunction {
    const found = this.program.functions[name];
    if (!found) throw new Error(`no function ${name}; there are ${Object.keys(this.program.functions).join(", ")}`);
    return found;
  }

  private typeOf(name: string): TensorType {
    const type = this.program.state[name];
    if (!type)
      throw new Error(`no state ${name} in this program; there is ${Object.keys(this.program.state).join(", ")}`);
    return type;
  }

  private held(name: string): Held {
    this.typeOf(name);
    const held = this.state.get(name);
    if (held === undefined) throw new Error(`state ${name} was never given a value`);
    return held;
  }

  /**
   * Brings one tensor back from the device. The runtime aborts the process when it reads the data of such a tensor
   * (engine notes, "Traps"), so it goes through a copying program whose output is on the CPU.
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
      copier = openSession(identityModel(type), this.options);
      copiers.set(key, copier);
    }
    const { value } = await (await copier).runtime.run({ value_in: tensor });
    return value!.data as NumericArray;
  }
}

/** The output whose numbers decide whether state is replaced; throws when the function has none of that name. */
function guardOf(name: string, compiled: CompiledFunction, output: string): string {
  const written = new Set(Object.values(compiled.writes));
  const known = compiled.model.outputs.map((entry) => entry.name).filter((entry) => !written.has(entry));
  if (known.includes(output)) return output;
  throw new Error(`${name} has no output ${output} to commit by; its outputs are ${known.join(", ")}`);
}

/** True when no number is infinite or NaN; integers always are. float16 comes as its bits, or as numbers where the platform has such arrays. */
function allFinite({ type, data }: Pick<RuntimeTensor, "type" | "data">): boolean {
  if (type !== "float32" && type !== "float16") return true;
  const finite =
    data instanceof Uint16Array
      ? (bits: number) => (bits & 0x7c00) !== 0x7c00
      : (value: number) => Number.isFinite(value);
  for (const value of data as Float32Array | Uint16Array) if (!finite(value)) return false;
  return true;
}

/** The C interface's view of our data. Throws when the size or the kind of array does not fit. */
function directTensor(name: string, type: TensorType, value: Held, isLasting: boolean): DirectTensor {
  const data = value as NumericArray;
  const shape = shapeOf(name, type, data);
  requireKind(name, type, data);
  return { type: { dtype: type.dtype, shape }, data, isLasting };
}

/** A model that returns its input, to copy a tensor from the device: input `value_in`, output `value`. */
function identityModel({ dtype, shape }: TensorType): OnnxModel {
  const value = input("value_in", dtype, shape);
  return writeOnnx({ value: stopGradient(value) }, [value]);
}

const isRuntimeTensor = (held: Held): held is RuntimeTensor => !ArrayBuffer.isView(held);

const grave = new MessageChannel();
grave.port1.close();

/** Frees what a replaced state tensor held at once: waiting for the garbage collector would keep several copies. */
function release(held: Held): void {
  if (isRuntimeTensor(held)) held.dispose();
  else if (held.buffer.byteLength > 1 << 16) {
    // transferring an ArrayBuffer takes it from this side; the closed port drops it
    grave.port2.postMessage(null, [held.buffer as ArrayBuffer]);
  }
}
