/**
 * Runs ONNX Runtime through its C interface: a session reads and writes the caller's own arrays.
 *
 * The runtime's Node binding copies every output into new memory. A training step returns its whole state, the parameters and moments. For
 * ViT-S/16 with AdamW these are 264 MB, whose copies took 100 ms of an 850 ms step and as much memory again. Here the runtime
 * writes outputs into the caller's arrays without a copy. Small networks gain the time between a run and its call: with the binding, a batch of
 * 7 ms in a program took 0.23 ms longer than in a session without a thread of its own, with the C interface 0.13 ms.
 */
import "./telemetry.js";
import { type NumericArray, type OnnxModel, onnxTypeCodes } from "../../graph/index.js";
import type { DirectSession, DirectSessionOptions, DirectTensor } from "../platform.js";
import { loadInterface, type RuntimeInterface } from "./c-interface.js";
import { withModelSource } from "./model-files.js";

/** Opens a session; undefined if the interface is not available: on systems other than Linux, or without koffi. */
export async function openDirectSession(
  model: OnnxModel,
  options: DirectSessionOptions,
): Promise<DirectSession | undefined> {
  const runtime = await directRuntime();
  if (!runtime) return undefined;
  return await withModelSource(model, (source) => runtime.open(model, source, options));
}

// ORT_LOGGING_LEVEL_ERROR, ORT_ENABLE_ALL, OrtArenaAllocator, OrtMemTypeDefault
const errorsOnly = 3;
const allOptimizations = 99;
const arenaAllocator = 1;
const defaultMemory = 0;

/** Whether the C interface is used on this system, so that functions update state in place. It was tested on Linux only. */
export const writesInPlace = process.platform === "linux";

let runtime: Promise<DirectRuntime | undefined> | undefined;

/** The runtime of this thread, loaded once. */
function directRuntime(): Promise<DirectRuntime | undefined> {
  runtime ??= findRuntime().catch(() => undefined);
  return runtime;
}

async function findRuntime(): Promise<DirectRuntime | undefined> {
  if (!writesInPlace) return undefined;
  const api = await loadInterface();
  return api && new DirectRuntime(api);
}

/** Caches the runtime's values over arrays that are passed repeatedly. */
class LastingValues {
  private readonly values = new Map<NumericArray, { readonly value: bigint; usedAt: number }>();
  private runs = 0;

  constructor(
    private readonly make: (tensor: DirectTensor) => bigint,
    private readonly release: (value: bigint) => void,
  ) {}

  of(tensor: DirectTensor): bigint {
    const known = this.values.get(tensor.data);
    if (known) {
      known.usedAt = this.runs;
      return known.value;
    }
    const value = this.make(tensor);
    this.values.set(tensor.data, { value, usedAt: this.runs });
    return value;
  }

  /** Releases the values that neither this run nor the previous one used: the two arrays of a state tensor alternate. */
  endRun(): void {
    for (const [data, { value, usedAt }] of this.values) {
      if (usedAt >= this.runs - 1) continue;
      this.release(value);
      this.values.delete(data);
    }
    this.runs++;
  }

  close(): void {
    for (const { value } of this.values.values()) this.release(value);
    this.values.clear();
  }
}

/** The runtime's environment and memory info; both live as long as the process. */
class DirectRuntime {
  // The environment is shared with the Node binding.
  private readonly environment: bigint;
  private readonly memory: bigint;

  constructor(private readonly api: RuntimeInterface) {
    this.environment = api.createEnvironment(errorsOnly, "fovea");
    this.memory = api.createMemoryInfo(arenaAllocator, defaultMemory);
  }

  /** Opens a session from the bytes of a model or from its file. */
  open(model: OnnxModel, source: Uint8Array | string, sessionOptions: DirectSessionOptions): DirectSession {
    const { api, environment } = this;
    const options = this.newOptions(sessionOptions);
    let session: bigint;
    try {
      session =
        typeof source === "string"
          ? api.createFromFile(environment, source, options)
          : api.createFromArray(environment, source, source.byteLength, options);
    } finally {
      api.releaseOptions(options);
    }
    const [inputNames, outputNames] = [this.names(model.inputs), this.names(model.outputs)];
    const wrap = (tensor: DirectTensor) => this.wrap(tensor);
    const lasting = new LastingValues(wrap, (value) => void api.releaseValue(value));
    return {
      run: (inputs, outputs) => {
        const passing: bigint[] = [];
        const handleOf = (tensor: DirectTensor): bigint => {
          if (tensor.isLasting) return lasting.of(tensor);
          const value = wrap(tensor);
          passing.push(value);
          return value;
        };
        try {
          const [from, to] = [inputs, outputs].map((tensors) => BigUint64Array.from(tensors, handleOf));
          api.run(session, null, inputNames.addresses, from, inputs.length, outputNames.addresses, outputs.length, to);
        } finally {
          for (const value of passing) api.releaseValue(value);
          lasting.endRun();
        }
      },
      close: () => {
        lasting.close();
        api.releaseSession(session);
      },
    };
  }

  private newOptions({ threads, profilePrefix, settings }: DirectSessionOptions): bigint {
    const { api } = this;
    const out = new BigUint64Array(1);
    api.createOptions(out);
    const options = out[0]!;
    api.setThreads(options, threads);
    api.setOptimizations(options, allOptimizations);
    api.setSeverity(options, errorsOnly);
    api.disableMemoryPattern(options);
    if (profilePrefix !== undefined) api.enableProfiling(options, profilePrefix);
    for (const [key, value] of Object.entries(settings)) api.addSetting(options, key, value);
    return options;
  }

  /** Wraps a tensor's array in a value of the runtime. */
  private wrap({ type, data }: DirectTensor): bigint {
    const shape = BigInt64Array.from(type.shape, BigInt);
    return this.api.createTensor(this.memory, data, data.byteLength, shape, shape.length, onnxTypeCodes[type.dtype]);
  }

  /** Addresses of names as C strings; `texts` keeps these alive as long as the result. */
  private names(ports: OnnxModel["inputs"]) {
    const texts = ports.map(({ name }) => Buffer.from(`${name}\0`));
    return { texts, addresses: BigUint64Array.from(texts, (text) => this.api.address(text)) };
  }
}
