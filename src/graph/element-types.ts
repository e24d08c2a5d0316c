/** ONNX element type codes (TensorProto.DataType of onnx.proto3). */
import type { DType } from "./tensor.js";

/** Element types in a model file: those of the graph, and int8, which only quantised weights have. */
export type StoredType = DType | "int8";

export const onnxTypeCodes: Readonly<Record<StoredType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
};
