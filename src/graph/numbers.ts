/** Converts numbers to little-endian bytes and back, for every element type of the graph. */
import type { DType, Tensor } from "./tensor.js";

/** Typed arrays with the elements of tensors, by element type: float16 as bits, bool as bytes. */
interface Arrays {
  float32: Float32Array;
  float64: Float64Array;
  float16: Uint16Array;
  int32: Int32Array;
  uint32: Uint32Array;
  int64: BigInt64Array;
  uint8: Uint8Array;
  bool: Uint8Array;
}

/** The typed array with the elements of a tensor of type `D`. */
export type ArrayOf<D extends DType> = Arrays[D];

/** A typed array that can hold a tensor's elements. */
export type NumericArray = ArrayOf<DType>;

/** The arrays of tensors by the same names: those of `{ loss: Tensor<"float32"> }` are `{ loss: Float32Array }`. */
export type ArraysOf<T extends Readonly<Record<string, Tensor>>> = { -readonly [K in keyof T]: ArrayOf<T[K]["dtype"]> };

/** Allocates a zero-filled typed array of `length` elements; float16 is stored as bits in a Uint16Array, bool as bytes. */
export function allocate<D extends DType>(dtype: D, length: number): ArrayOf<D>;
export function allocate(dtype: DType, length: number): NumericArray {
  switch (dtype) {
    case "float32":
      return new Float32Array(length);
    case "float64":
      return new Float64Array(length);
    case "int32":
      return new Int32Array(length);
    case "uint32":
      return new Uint32Array(length);
    case "int64":
      return new BigInt64Array(length);
    case "float16":
      return new Uint16Array(length);
    default:
      return new Uint8Array(length);
  }
}

/** Views `bytes` as a typed array of the given type; misaligned bytes are copied first. */
export function viewNumbers(bytes: Uint8Array, dtype: DType): NumericArray {
  const length = bytes.byteLength / allocate(dtype, 1).BYTES_PER_ELEMENT;
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  const { buffer, byteOffset } = aligned;
  switch (dtype) {
    case "float32":
      return new Float32Array(buffer as ArrayBuffer, byteOffset, length);
    case "float64":
      return new Float64Array(buffer as ArrayBuffer, byteOffset, length);
    case "int32":
      return new Int32Array(buffer as ArrayBuffer, byteOffset, length);
    case "uint32":
      return new Uint32Array(buffer as ArrayBuffer, byteOffset, length);
    case "int64":
      return new BigInt64Array(buffer as ArrayBuffer, byteOffset, length);
    case "float16":
      return new Uint16Array(buffer as ArrayBuffer, byteOffset, length);
    default:
      return new Uint8Array(buffer as ArrayBuffer, byteOffset, length);
  }
}

/** Encodes numbers as the bytes of a tensor of the given type (float16 rounds to nearest even). */
export function encodeNumbers(values: ArrayLike<number>, dtype: DType): Uint8Array {
  const out = allocate(dtype, values.length);
  if (out instanceof BigInt64Array) for (let i = 0; i < values.length; i++) out[i] = BigInt(values[i]!);
  else if (dtype === "float16") for (let i = 0; i < values.length; i++) out[i] = toFloat16(values[i]!);
  else for (let i = 0; i < values.length; i++) out[i] = values[i]!;
  return new Uint8Array(out.buffer, out.byteOffset, out.byteLength);
}

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

/** Converts a number to IEEE 754 half-precision bits, rounding to nearest even. */
export function toFloat16(value: number): number {
  scratch[0] = value;
  const bits = scratchBits[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude >= 0x7f800000) return sign | (magnitude > 0x7f800000 ? 0x7e00 : 0x7c00);
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // rounds to 65536 or more
  if (magnitude >= 0x38800000) {
    // normal: drop 13 bits, round half to even
    return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  }
  if (magnitude < 0x33000001) return sign; // at most half the smallest subnormal
  // subnormal: the mantissa with its hidden bit, shifted to units of 2^-24, half to even
  const shift = 126 - (magnitude >>> 23);
  const mantissa = (magnitude & 0x7fffff) | 0x800000;
  const quotient = mantissa >>> shift;
  const rest = mantissa & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return sign | (quotient + (rest > half || (rest === half && (quotient & 1) === 1) ? 1 : 0));
}

/** Values of all half-precision bit patterns, computed at first use: a lookup is much faster than the conversion. */
let halves: Float32Array | undefined;

/** Converts half-precision bits to a number. */
export function fromFloat16(bits: number): number {
  halves ??= Float32Array.from({ length: 1 << 16 }, (_, pattern) => decodeFloat16(pattern));
  return halves[bits]!;
}

function decodeFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 0x3ff;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Whether all numbers are finite. A Uint16Array holds the bits of float16 numbers. */
export function allFinite(values: NumericArray): boolean {
  if (values instanceof BigInt64Array) return true;
  // float16 bits: an exponent of all ones is not finite
  if (values instanceof Uint16Array) return values.every((bits) => (bits & 0x7c00) !== 0x7c00);
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false;
  return true;
}
