/**
 * Helpers for operations on half-precision tensors that compute statistics, sums and exponentials in float32
 * (Micikevicius et al., Mixed Precision Training, 2018, arXiv:1710.03740, section 3.3).
 */
import { onnxTypeCodes } from "../element-types.js";
import type { Emitter, Tensor } from "../tensor.js";

/** Returns the name of a float tensor's values in float32. */
export function asFloat32(tensor: Tensor, emitter: Emitter): string {
  if (tensor.dtype !== "float16") return emitter.name(tensor);
  const wide = emitter.temporary();
  emitter.node("Cast", [emitter.name(tensor)], [wide], { to: { int: onnxTypeCodes.float32 } });
  return wide;
}

/** Calls `write` with the name under which it must emit `output` in float32; returns that name. */
export function inFloat32(output: Tensor, emitter: Emitter, write: (result: string) => void): string {
  const name = emitter.name(output);
  if (output.dtype !== "float16") {
    write(name);
    return name;
  }
  const wide = emitter.temporary();
  write(wide);
  emitter.node("Cast", [wide], [name], { to: { int: onnxTypeCodes.float16 } });
  return wide;
}
