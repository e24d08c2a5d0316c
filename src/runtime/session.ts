/** Opens an ONNX Runtime session over a model, with the fastest options measured, and runs it with inputs by name. */
import { type Closable, closable } from "../files/closable.js";
import { allocate, freeSide, type NumericArray, type OnnxModel, type TensorType } from "../graph/index.js";
import type { Device } from "./devices.js";
import type { Platform, RuntimeTensor } from "./platform.js";

export interface SessionOptions {
  readonly device?: Device;
  /** Threads inside one operation. Default: `availableThreads()`. */
  readonly threads?: number;
  /** Prefix of the runtime's trace files; `close` completes them. */
  readonly profilePrefix?: string;
  /** Names of outputs that stay on the device (WebGPU). */
  readonly keepOnDevice?: readonly string[];
  /** Additional session configuration entries of the runtime, by their dotted names. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface Session extends Closable {
  /** Runs the model once with tensors of the runtime, which may be on the device. */
  runTensors(inputs: Readonly<Record<string, RuntimeTensor>>): Promise<Readonly<Record<string, RuntimeTensor>>>;
  /** Runs the model once with inputs by name; throws if one is missing, is not an input, or has the wrong size. */
  run(feeds: Readonly<Record<string, NumericArray>>): Promise<Record<string, NumericArray>>;
}

/** Opens a session. Throws DeviceError if the device is not available. */
export async function openSessionOn(
  platform: Platform,
  model: OnnxModel,
  { device = "cpu", ...options }: SessionOptions = {},
): Promise<Session> {
  const settings = { ...measuredSettings, ...options.settings };
  const runtime = await platform.openRuntime(model, { ...options, device, settings }).catch((error) => {
    throw platform.explainFailure(device, error);
  });
  const types = new Map(model.inputs.map(({ name, type }) => [name, type]));
  const runTensors: Session["runTensors"] = async (given) => {
    const results = await runtime.run(given).catch((error) => {
      throw platform.explainFailure(device, error);
    });
    requireRows(model, results);
    return results;
  };
  return closable<Session>({
    runTensors,
    run: async (feeds) => {
      const unknown = Object.keys(feeds).filter((name) => !types.has(name));
      if (unknown.length > 0) {
        const known = types.size > 0 ? [...types.keys()].join(", ") : "none";
        throw new Error(
          `unknown input ${unknown.join(", ")}; expected only the inputs that the outputs depend on: ${known}`,
        );
      }
      const given: Record<string, RuntimeTensor> = {};
      for (const [name, type] of types) {
        const data = feeds[name];
        if (!data) throw new Error(`missing value of input ${name}; inputs are ${[...types.keys()].join(", ")}`);
        given[name] = toRuntimeTensor(platform, device, name, type, data);
      }
      const results = await runTensors(given);
      return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, data as NumericArray]));
    },
    close: () => runtime.release(),
  });
}

/** Throws if an output does not have the number of rows that the model declares; splitting it into images would be wrong. */
function requireRows({ rows = {} }: OnnxModel, results: Readonly<Record<string, { dims: readonly number[] }>>): void {
  for (const [name, count] of Object.entries(rows)) {
    const shape = results[name]?.dims ?? [];
    if (shape[0] === count) continue;
    throw new Error(
      `output ${name} has shape [${shape.join(", ")}]; expected ${count} rows, one for each image of the batch, so its first side must be the batch`,
    );
  }
}

/** Wraps an array as a tensor of the runtime without a copy (except shared memory); float16 is passed as bits. Throws if the size or type does not match. */
export function toRuntimeTensor(
  platform: Platform,
  device: Device,
  name: string,
  type: TensorType,
  data: NumericArray,
): RuntimeTensor {
  const shape = shapeOf(name, type, data);
  // The runtime cannot read shared memory.
  const own = data.buffer instanceof ArrayBuffer ? data : data.slice();
  try {
    return platform.tensor(device, type.dtype, own, shape);
  } catch {
    throw wrongKind(name, type, data);
  }
}

/** Throws if an array's type does not match a tensor's. */
export function requireKind(name: string, { dtype, shape }: TensorType, data: NumericArray): void {
  const kind = data.constructor.name;
  // The binding returns float16 as numbers on platforms with Float16Array.
  if (kind === allocate(dtype, 0).constructor.name || (dtype === "float16" && kind === "Float16Array")) return;
  throw wrongKind(name, { dtype, shape }, data);
}

const wrongKind = (name: string, { dtype, shape }: TensorType, data: NumericArray): Error =>
  new Error(
    `input ${name} has type ${dtype} [${shape.join(", ")}]; got a ${data.constructor.name}, whose elements have another type`,
  );

/** Shape of an input, with its symbolic side inferred from the data. Throws if the size does not match. */
export function shapeOf(name: string, type: TensorType, data: NumericArray): number[] {
  const shape = filledShape(type.shape, data.length);
  const expected = shape.reduce((product, side) => product * side, 1);
  if (data.length === expected) return shape;
  throw new Error(
    `input ${name} has type ${type.dtype} [${type.shape.join(", ")}], ${expected} numbers; got ${data.length}`,
  );
}

/** Infers the symbolic side of a shape, if any, from the number of elements (rounded up, so that a remainder is rejected). */
function filledShape(shape: readonly number[], count: number): number[] {
  const known = shape.reduce((product, side) => (side === freeSide ? product : product * side), 1);
  return shape.map((side) => (side === freeSide ? Math.ceil(count / known) : side));
}

/** Session configuration entries used by every session. */
export const measuredSettings = {
  // Disabled: it would fold the transposes that graph/ops/matmul.ts inserts before weight gradients back into slower products.
  "optimization.disable_specified_optimizers": "GemmTransposeFusion",
  // By default, a session's threads keep spinning after a run and take the cores of what runs next: a loader, a teacher, another program.
  // A step of R26x0.5 right after another session's run took 1.4 times as long, and no cost of waking up the threads was measured.
  "session.force_spinning_stop": "1",
};

/** Those of sessions that replace no state. */
export const forwardSettings = {
  ...measuredSettings,
  // The second one would make a product and its bias, in graphs of a fixed batch, one Gemm: on two threads, S/16 at batch 32 took 870 ms with it
  // and 842 ms without, as its export of any batch does. Training steps gain nothing.
  "optimization.disable_specified_optimizers": "GemmTransposeFusion;MatMulAddFusion",
};
