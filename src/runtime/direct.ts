/**
 * ONNX Runtime through its C interface: a session that reads and writes the caller's own arrays.
 *
 * The runtime's Node binding copies every output into new memory. A training step returns its whole state, parameters and moments:
 * of ViT-S/16 with AdamW 264 MB, whose copies took 100 ms of a step of 850 ms, and as much memory again. Here outputs are
 * written where they are to be, and nothing is copied.
 *
 * The interface is a table of functions in an order that later versions only add to (onnxruntime_c_api.h, struct OrtApi).
 */
import "./telemetry.js";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { configured } from "../files/koffi.js";
import { type NumericArray, type OnnxModel, onnxTypeCodes, type TensorType } from "../graph/index.js";
import { withModelSource } from "./model-files.js";

export interface DirectTensor {
  readonly type: TensorType;
  readonly data: NumericArray;
  /** Will the same array be given again? What the runtime knows of it is then kept. */
  readonly isLasting?: boolean;
}

export interface DirectSession {
  /**
   * Runs once in the calling thread, on the inputs and into the outputs of the model in its order. An output's array may be an
   * input's only where nothing reads the input after the output is written. Throws what the runtime refuses.
   */
  run(inputs: readonly DirectTensor[], outputs: readonly DirectTensor[]): void;
  close(): void;
}

export interface DirectSessionOptions {
  readonly threads: number;
  /** Writes the runtime's own trace to files with this prefix; `close` finishes it. */
  readonly profilePrefix?: string | undefined;
  /** Settings of the runtime, by their dotted names. */
  readonly settings: Readonly<Record<string, string>>;
}

/** Opens a session, or gives undefined where the interface is not to be had: another system than Linux, or no koffi for it. */
export async function openDirectSession(
  model: OnnxModel,
  options: DirectSessionOptions,
): Promise<DirectSession | undefined> {
  const runtime = await directRuntime();
  if (!runtime) return undefined;
  return await withModelSource(model, (source) => runtime.open(model, source, options));
}

interface DirectRuntime {
  /** From the bytes of a model, or from its file. */
  open(model: OnnxModel, source: Uint8Array | string, options: DirectSessionOptions): DirectSession;
}

/** The version whose table is read; later runtimes give it too. */
const tableVersion = 17;
/** Where functions stand in the table. */
const places = {
  GetErrorMessage: 2,
  CreateEnv: 3,
  CreateSession: 7,
  CreateSessionFromArray: 8,
  Run: 9,
  CreateSessionOptions: 10,
  EnableProfiling: 14,
  DisableMemPattern: 17,
  SetSessionLogSeverityLevel: 22,
  SetSessionGraphOptimizationLevel: 23,
  SetIntraOpNumThreads: 24,
  CreateTensorWithDataAsOrtValue: 49,
  CreateCpuMemoryInfo: 69,
  ReleaseStatus: 93,
  ReleaseSession: 95,
  ReleaseValue: 96,
  ReleaseSessionOptions: 100,
  AddSessionConfigEntry: 130,
} as const;
const tableLength = 131;

// ORT_LOGGING_LEVEL_ERROR, ORT_ENABLE_ALL, OrtArenaAllocator, OrtMemTypeDefault
const errorsOnly = 3;
const allOptimizations = 99;
const arenaAllocator = 1;
const defaultMemory = 0;

/** Is the interface used on this system, so that functions write state where it is? It was tried on Linux only. */
export const writesInPlace = process.platform === "linux";

let runtime: Promise<DirectRuntime | undefined> | undefined;

/** The runtime of this thread, found once. */
function directRuntime(): Promise<DirectRuntime | undefined> {
  runtime ??= findRuntime().catch(() => undefined);
  return runtime;
}

async function findRuntime(): Promise<DirectRuntime | undefined> {
  if (!writesInPlace) return undefined;
  const main = createRequire(import.meta.url).resolve("onnxruntime-node");
  const file = join(dirname(main), "..", "bin", "napi-v6", process.platform, process.arch, "libonnxruntime.so.1");
  if (!existsSync(file)) return undefined;
  const koffi = configured((await import("koffi")).default);
  const library = koffi.load(file);
  const base = library.func("void *OrtGetApiBase()")() as bigint;
  const [getApi] = koffi.decode(base, koffi.array("void *", 2)) as bigint[];
  const table = koffi.decode(getApi!, koffi.proto("void *(uint32_t version)"))(tableVersion) as bigint | null;
  if (!table) return undefined;
  const pointers = koffi.decode(table, koffi.array("void *", tableLength)) as bigint[];
  const at = (name: keyof typeof places, prototype: string) =>
    koffi.decode(pointers[places[name]]!, koffi.proto(prototype)) as (...values: unknown[]) => bigint | string | null;

  const messageOf = at("GetErrorMessage", "const char *(const void *status)");
  const releaseStatus = at("ReleaseStatus", "void (void *status)");
  // A function that gives a status: throws what went wrong.
  const checked = (name: keyof typeof places, parameters: string) => {
    const call = at(name, `void *(${parameters})`);
    return (...values: unknown[]): void => {
      const status = call(...values);
      if (!status) return;
      const message = messageOf(status) as string;
      releaseStatus(status);
      throw new Error(message);
    };
  };
  // The same of a function whose last parameter receives a handle.
  const made = (name: keyof typeof places, parameters: string) => {
    const call = checked(name, `${parameters}, void *out`);
    return (...values: unknown[]): bigint => {
      const out = new BigUint64Array(1);
      call(...values, out);
      return out[0]!;
    };
  };
  const api = {
    createEnvironment: made("CreateEnv", "int level, const char *name"),
    createOptions: checked("CreateSessionOptions", "void *out"),
    setThreads: checked("SetIntraOpNumThreads", "void *options, int threads"),
    setOptimizations: checked("SetSessionGraphOptimizationLevel", "void *options, int level"),
    setSeverity: checked("SetSessionLogSeverityLevel", "void *options, int level"),
    disableMemoryPattern: checked("DisableMemPattern", "void *options"),
    enableProfiling: checked("EnableProfiling", "void *options, const char *prefix"),
    addSetting: checked("AddSessionConfigEntry", "void *options, const char *key, const char *value"),
    createFromArray: made("CreateSessionFromArray", "void *env, const void *bytes, size_t length, void *options"),
    createFromFile: made("CreateSession", "void *env, const char *path, void *options"),
    createMemoryInfo: made("CreateCpuMemoryInfo", "int allocator, int kind"),
    createTensor: made(
      "CreateTensorWithDataAsOrtValue",
      "void *info, void *data, size_t bytes, const int64_t *shape, size_t axes, int type",
    ),
    run: checked(
      "Run",
      "void *session, void *options, const void *inputNames, const void *inputs, size_t inputCount, const void *outputNames, size_t outputCount, void *outputs",
    ),
    releaseOptions: at("ReleaseSessionOptions", "void (void *options)"),
    releaseSession: at("ReleaseSession", "void (void *session)"),
    releaseValue: at("ReleaseValue", "void (void *value)"),
  };
  // Both live as long as the process: the environment is the binding's own.
  const environment = api.createEnvironment(errorsOnly, "fovea");
  const memory = api.createMemoryInfo(arenaAllocator, defaultMemory);

  const newOptions = ({ threads, profilePrefix, settings }: DirectSessionOptions): bigint => {
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
  };

  const wrapped = ({ type, data }: DirectTensor): bigint =>
    api.createTensor(
      memory,
      data,
      data.byteLength,
      BigInt64Array.from(type.shape, BigInt),
      type.shape.length,
      onnxTypeCodes[type.dtype],
    );

  // Names as the interface reads them: addresses of texts, which are to be kept as long as they are.
  const named = (ports: OnnxModel["inputs"]) => {
    const texts = ports.map(({ name }) => Buffer.from(`${name}\0`));
    return { texts, addresses: BigUint64Array.from(texts, (text) => koffi.address(text)) };
  };

  return {
    open: (model, source, sessionOptions) => {
      const options = newOptions(sessionOptions);
      let session: bigint;
      try {
        session =
          typeof source === "string"
            ? api.createFromFile(environment, source, options)
            : api.createFromArray(environment, source, source.byteLength, options);
      } finally {
        api.releaseOptions(options);
      }
      const [given, received] = [named(model.inputs), named(model.outputs)];
      const lasting = new LastingValues(wrapped, (value) => void api.releaseValue(value));
      return {
        run: (inputs, outputs) => {
          const passing: bigint[] = [];
          const handleOf = (tensor: DirectTensor): bigint => {
            if (tensor.isLasting) return lasting.of(tensor);
            const value = wrapped(tensor);
            passing.push(value);
            return value;
          };
          try {
            const [from, to] = [inputs, outputs].map((tensors) => BigUint64Array.from(tensors, handleOf));
            api.run(session, null, given.addresses, from, inputs.length, received.addresses, outputs.length, to);
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
    },
  };
}

/** The runtime's values over arrays that are given again and again; those of the last runs are kept. */
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

  /** Lets go of what neither this run nor the one before used: two arrays of a state tensor take turns. */
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
