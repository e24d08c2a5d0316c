/** Sends larger values between ranks: the state of a program, and small values as JSON. */
import { type NumericArray, type TensorType, viewNumbers } from "../../graph/index.js";
import type { Communicator } from "./communicator.js";

/** A state tensor's name, type and shape, which are the same on every rank. */
export interface SharedTensor {
  readonly name: string;
  readonly input: TensorType;
}

/** Returns rank 0's values on every rank, bit for bit. */
export async function shareState(
  communicator: Communicator,
  tensors: readonly SharedTensor[],
  values: Readonly<Record<string, NumericArray>> | undefined,
): Promise<Record<string, NumericArray>> {
  if (communicator.size === 1) return { ...values };
  const shared: Record<string, NumericArray> = {};
  for (const { name, input } of tensors) {
    const own = values?.[name];
    const bytes = own && new Uint8Array(own.buffer, own.byteOffset, own.byteLength);
    shared[name] = viewNumbers(await communicator.broadcast(bytes), input.dtype);
  }
  return shared;
}

/** Returns the value of rank `root` on every rank. It must be JSON. */
export async function shareJson<T>(communicator: Communicator, value: T, root = 0): Promise<T> {
  if (communicator.size === 1) return value;
  const text = communicator.rank === root ? Buffer.from(JSON.stringify(value ?? null)) : undefined;
  return (JSON.parse(Buffer.from(await communicator.broadcast(text, root)).toString()) ?? undefined) as T;
}
