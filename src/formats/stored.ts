/** Defines stored tensors: dtypes by the names used in the project, and the typed arrays of their elements. */
import type { Closable } from "../files/closable.js";

/** A dtype that a file can have, by its name in the project. */
export type StoredDType = keyof typeof dtypes;

/** A stored tensor in memory: row-major; float16 and bfloat16 as bits, bool as bytes 0 and 1. */
export interface StoredTensor {
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

export type TypedArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array;

interface TypedArrayConstructor {
  readonly name: string;
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBuffer, byteOffset?: number, length?: number): TypedArray;
}

export const dtypes = {
  float64: { code: "F64", array: Float64Array as TypedArrayConstructor },
  float32: { code: "F32", array: Float32Array as TypedArrayConstructor },
  float16: { code: "F16", array: Uint16Array as TypedArrayConstructor },
  bfloat16: { code: "BF16", array: Uint16Array as TypedArrayConstructor },
  int64: { code: "I64", array: BigInt64Array as TypedArrayConstructor },
  int32: { code: "I32", array: Int32Array as TypedArrayConstructor },
  int16: { code: "I16", array: Int16Array as TypedArrayConstructor },
  int8: { code: "I8", array: Int8Array as TypedArrayConstructor },
  uint64: { code: "U64", array: BigUint64Array as TypedArrayConstructor },
  uint32: { code: "U32", array: Uint32Array as TypedArrayConstructor },
  uint16: { code: "U16", array: Uint16Array as TypedArrayConstructor },
  uint8: { code: "U8", array: Uint8Array as TypedArrayConstructor },
  bool: { code: "BOOL", array: Uint8Array as TypedArrayConstructor },
} as const;

/** Size of one element in bytes. */
export const bytesOf = (dtype: StoredDType): number => dtypes[dtype].array.BYTES_PER_ELEMENT;

/** Views a buffer as a typed array, without a copy. */
export function numbersIn(dtype: StoredDType, buffer: ArrayBuffer): TypedArray {
  return new dtypes[dtype].array(buffer);
}

/** Views a tensor as bytes, without a copy. */
export function tensorBytes({ data }: StoredTensor): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** Type and shape of a tensor in a file. */
export interface TensorEntry {
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
}

/** A file of named tensors that are read one by one. The caller must close it. */
export interface TensorFile extends Closable {
  readonly path: string;
  readonly format: "safetensors" | "npz";
  readonly entries: ReadonlyMap<string, TensorEntry>;
  readonly metadata: ReadonlyMap<string, string>;
  /** Reads a tensor. Throws WeightsError if it does not exist or is damaged. */
  read(name: string): Promise<StoredTensor>;
}
