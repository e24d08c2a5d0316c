/** Runs a graph once and returns the values with the shapes the runtime reports. */
import { Tensor as RuntimeTensor } from "onnxruntime-node";
import {
  type DType,
  encodeNumbers,
  fromFloat16,
  inputName,
  type NumericArray,
  type OnnxModel,
  reachable,
  type Tensor,
  type TensorType,
  viewNumbers,
  writeOnnx,
} from "../../src/graph/index.js";
import { type Device, evaluate, lackingNodes, openSession, type SessionOptions } from "../../src/runtime/index.js";
import type { Array64 } from "./arrays.js";

/** A value to feed, already rounded to its type, so that reference and runtime start from the same numbers. */
export interface Value extends Array64 {
  readonly dtype: DType;
}

/** What came back from a session: the values and the shape the runtime gave them. */
export interface Result {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

export function decode(data: NumericArray, dtype: DType): number[] {
  if (data instanceof BigInt64Array) return Array.from(data, Number);
  if (dtype === "float16") return Array.from(data as Uint16Array, fromFloat16);
  return Array.from(data as Float32Array);
}

/** A model that computes the named tensors on a device, and its inputs as the bytes of tensors, in the model's order. */
export function modelOf(
  outputs: Readonly<Record<string, Tensor>>,
  feeds: Readonly<Record<string, Value>>,
  device: Device = "cpu",
): { model: OnnxModel; inputs: { name: string; type: TensorType; bytes: Uint8Array }[] } {
  const model = writeOnnx(outputs, undefined, { lacking: lackingNodes[device] });
  const inputs = model.inputs.map(({ name, type }) => ({
    name,
    type,
    bytes: encodeNumbers(feeds[name]!.data, type.dtype),
  }));
  return { model, inputs };
}

/** The named tensors, from the named values, on the device of the options. */
export async function run(
  outputs: Readonly<Record<string, Tensor>>,
  feeds: Readonly<Record<string, Value>>,
  options: SessionOptions = {},
): Promise<Record<string, Result>> {
  const { model, inputs } = modelOf(outputs, feeds, options.device);
  await using session = await openSession(model, options);
  const given = inputs.map(({ name, type, bytes }) => {
    const data = viewNumbers(bytes, type.dtype) as Float32Array;
    return [name, new RuntimeTensor(type.dtype, data, [...type.shape])] as const;
  });
  const results = await session.runTensors(Object.fromEntries(given));
  return Object.fromEntries(
    model.outputs.map(({ name, type }) => {
      const { dims, data } = results[name]!;
      return [name, { shape: dims, values: decode(data as NumericArray, type.dtype) }];
    }),
  );
}

/** Evaluates with those of the values, of all parameters for example, that the outputs depend on. */
export function evaluateAmong(
  outputs: Readonly<Record<string, Tensor>>,
  values: Readonly<Record<string, NumericArray>>,
  options: SessionOptions = {},
): Promise<Record<string, NumericArray>> {
  const leaves = reachable(Object.values(outputs)).flatMap((node) => node.outputs.map(inputName));
  const needed = new Set(leaves.filter((name) => name !== undefined));
  return evaluate(outputs, Object.fromEntries(Object.entries(values).filter(([name]) => needed.has(name))), options);
}
