/** One ONNX Runtime session over a model of ours: opened with the options that were measured best, fed by name. */
import "./telemetry.js";
import { InferenceSession, Tensor as RuntimeTensor } from "onnxruntime-node";
import { type Closable, closable } from "../files/closable.js";
import { allocate, freeSide, type NumericArray, type OnnxModel, type TensorType } from "../graph/index.js";
import { type Device, explainDeviceFailure } from "./devices.js";
import { withModelSource } from "./model-files.js";
import { availableThreads } from "./threads.js";

export interface SessionOptions {
  readonly device?: Device;
  /** Threads inside one operation; default `availableThreads()`. */
  readonly threads?: number;
  /** Writes the runtime's own trace to files with this prefix; `close` finishes it. */
  readonly profilePrefix?: string;
  /** Names of outputs that stay on the device (WebGPU). */
  readonly keepOnDevice?: readonly string[];
  /** Further settings of the runtime, by their dotted names. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface Session extends Closable {
  readonly runtime: InferenceSession;
  /** Runs once with the inputs by name; throws when one is missing or has the wrong size. */
  run(feeds: Readonly<Record<string, NumericArray>>): Promise<Record<string, NumericArray>>;
}

/** Opens a session. Throws DeviceError when the device is not there. */
export async function openSession(model: OnnxModel, options: SessionOptions = {}): Promise<Session> {
  const device = options.device ?? "cpu";
  const runtimeOptions = sessionOptions(device, options);
  let runtime: InferenceSession;
  try {
    runtime = await withModelSource(model, (source) =>
      typeof source === "string"
        ? InferenceSession.create(source, runtimeOptions)
        : InferenceSession.create(source, runtimeOptions),
    );
  } catch (error) {
    throw explainDeviceFailure(device, error);
  }
  const types = new Map(model.inputs.map(({ name, type }) => [name, type]));
  return closable<Session>({
    runtime,
    run: async (feeds) => {
      const given: Record<string, RuntimeTensor> = {};
      for (const [name, type] of types) {
        const data = feeds[name];
        if (!data) throw new Error(`no value given for input ${name}; inputs are ${[...types.keys()].join(", ")}`);
        given[name] = toRuntimeTensor(name, type, data);
      }
      const results = await runtime.run(given).catch((error) => {
        throw explainDeviceFailure(device, error);
      });
      requireRows(model, results);
      return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, fromRuntime(tensor)]));
    },
    close: async () => {
      if (options.profilePrefix) runtime.endProfiling();
      await runtime.release();
    },
  });
}

/** Throws where an output does not have the rows that the model says: cut into others, its numbers would be mixed up. */
export function requireRows(
  { rows = {} }: OnnxModel,
  results: Readonly<Record<string, { dims: readonly number[] }>>,
): void {
  for (const [name, count] of Object.entries(rows)) {
    const shape = results[name]?.dims ?? [];
    if (shape[0] === count) continue;
    throw new Error(
      `the output ${name} has the shape [${shape.join(", ")}], and ${count} rows were expected, one for each image of the batch; its first side must be the batch`,
    );
  }
}

/** The runtime's view of our data: no copy, but of shared memory; float16 travels as its bits. Throws when the size or the kind of array does not fit. */
export function toRuntimeTensor(name: string, type: TensorType, data: NumericArray): RuntimeTensor {
  const shape = shapeOf(name, type, data);
  // the runtime reads ordinary memory only
  const own = data.buffer instanceof ArrayBuffer ? data : data.slice();
  try {
    return new RuntimeTensor(type.dtype, own as Float32Array, shape);
  } catch {
    throw wrongKind(name, type, data);
  }
}

/** Throws when an array's numbers are not those of a type. */
export function requireKind(name: string, { dtype, shape }: TensorType, data: NumericArray): void {
  const kind = data.constructor.name;
  // the binding gives float16 as numbers where the platform has such arrays
  if (kind === allocate(dtype, 0).constructor.name || (dtype === "float16" && kind === "Float16Array")) return;
  throw wrongKind(name, { dtype, shape }, data);
}

const wrongKind = (name: string, { dtype, shape }: TensorType, data: NumericArray): Error =>
  new Error(
    `input ${name} takes ${dtype} [${shape.join(", ")}]; got a ${data.constructor.name}, which holds other numbers`,
  );

/** The shape of what an input is given, its free side worked out. Throws when the size does not fit. */
export function shapeOf(name: string, type: TensorType, data: NumericArray): number[] {
  const shape = filledShape(type.shape, data.length);
  const expected = shape.reduce((product, side) => product * side, 1);
  if (data.length === expected) return shape;
  throw new Error(
    `input ${name} takes ${type.dtype} [${type.shape.join(", ")}], ${expected} numbers; got ${data.length}`,
  );
}

/** A shape with its free side, if it has one, worked out from the count of numbers (rounded up: a remainder is refused). */
function filledShape(shape: readonly number[], count: number): number[] {
  const known = shape.reduce((product, side) => (side === freeSide ? product : product * side), 1);
  return shape.map((side) => (side === freeSide ? Math.ceil(count / known) : side));
}

const fromRuntime = (tensor: RuntimeTensor): NumericArray => tensor.data as NumericArray;

function sessionOptions(device: Device, options: SessionOptions): InferenceSession.SessionOptions {
  return {
    executionProviders: device === "cpu" ? ["cpu"] : [{ name: device }, "cpu"],
    // Memory planning by pattern costs ViT-S/16 0.7 GB and gains nothing (engine notes, "Traps").
    enableMemPattern: false,
    graphOptimizationLevel: "all",
    logSeverityLevel: 3,
    // always: by itself the runtime may take one core of two (threads.ts)
    intraOpNumThreads: options.threads ?? availableThreads(),
    // ONNX Runtime refuses options that are there but undefined
    ...(options.profilePrefix !== undefined && { enableProfiling: true, profileFilePrefix: options.profilePrefix }),
    ...(options.keepOnDevice &&
      device === "webgpu" && {
        preferredOutputLocation: Object.fromEntries(options.keepOnDevice.map((name) => [name, "gpu-buffer" as const])),
      }),
    extra: nested({ ...measuredSettings, ...options.settings }),
  };
}

/** Settings of the runtime that every session has. */
export const measuredSettings = {
  // It would fold the transposes that graph/ops/matmul.ts puts before kernel gradients back into slower products.
  "optimization.disable_specified_optimizers": "GemmTransposeFusion",
  // By default a session's threads keep spinning when its run has ended, and take the cores of what runs next: a loader, a teacher, another
  // program. A step of R26x0.5 right after another session's run took 1.4 times the time, and waking up costs nothing that was measured.
  "session.force_spinning_stop": "1",
};

/** {"a.b.c": "1"} as {a: {b: {c: "1"}}}, the form the runtime's binding takes. */
function nested(settings: Readonly<Record<string, string>>): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [path, value] of Object.entries(settings)) {
    const keys = path.split(".");
    let at = out;
    for (const key of keys.slice(0, -1)) {
      at[key] ??= {};
      at = at[key] as Record<string, unknown>;
    }
    at[keys.at(-1)!] = value;
  }
  return out;
}
