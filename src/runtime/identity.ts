/** A model that returns its input: the way back from a device. */
import { input, type OnnxModel, stopGradient, type TensorType, writeOnnx } from "../graph/index.js";

/** The model of one input `value_in` and one output `value` of the given type. */
export function identityModel({ dtype, shape }: TensorType): OnnxModel {
  const value = input("value_in", dtype, shape);
  return writeOnnx({ value: stopGradient(value) }, [value]);
}
