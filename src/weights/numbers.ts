/** Converts stored numbers to float32, and checks that none is NaN or infinite. */

import { WeightsError } from "../formats/error.js";
import type { StoredDType, StoredTensor } from "../formats/stored.js";
import { fromFloat16, toFloat16 } from "../graph/index.js";

/** The number types that weights may have. */
export const weightDTypes: readonly StoredDType[] = ["float32", "float64", "float16", "bfloat16"];

/** The numbers of a tensor as float32; float32 itself is not copied. Throws WeightsError for integers. */
export function toFloat32({ dtype, data }: StoredTensor, name: string): Float32Array {
  if (dtype === "float32") return data as Float32Array;
  if (dtype === "float64") return Float32Array.from(data as Float64Array);
  if (dtype === "float16") {
    const bits = data as Uint16Array;
    const values = new Float32Array(bits.length);
    for (let i = 0; i < bits.length; i++) values[i] = fromFloat16(bits[i]!);
    return values;
  }
  if (dtype === "bfloat16") {
    const bits = data as Uint16Array;
    const wide = new Uint32Array(bits.length);
    for (let i = 0; i < bits.length; i++) wide[i] = bits[i]! << 16;
    return new Float32Array(wide.buffer);
  }
  throw new WeightsError(`tensor "${name}" has the type ${dtype}; expected ${weightDTypes.join(", ")}`);
}

/** The largest finite number of IEEE 754 half precision. */
const largestFloat16 = 65_504;

/** A float32 tensor as float16, rounded to nearest even. Throws WeightsError for a number that is too large. */
export function toFloat16Tensor({ shape, data }: StoredTensor, name: string): StoredTensor {
  const values = data as Float32Array;
  const large = values.find((value) => Math.abs(value) > largestFloat16);
  if (large !== undefined) {
    throw new WeightsError(`tensor "${name}" contains ${large}, too large for float16; store it as float32`);
  }
  return { dtype: "float16", shape, data: Uint16Array.from(values, toFloat16) };
}

/** Throws WeightsError with the tensor's name, the first number that is not finite and how many there are. */
export function requireFinite(data: Float32Array, name: string): void {
  // a sum of finite numbers times zero is zero; NaN and infinities make it NaN, without a branch for each number
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += data[i]! * 0;
  if (sum === 0) return;
  const first = data.findIndex((value) => !Number.isFinite(value));
  const count = data.reduce((total, value) => total + (Number.isFinite(value) ? 0 : 1), 0);
  throw new WeightsError(
    `tensor "${name}" contains ${data[first]} at ${first} (${count} of its ${data.length} numbers are not finite); these weights are damaged or diverged`,
  );
}
