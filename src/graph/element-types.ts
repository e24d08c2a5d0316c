/** The numbers ONNX gives element types (TensorProto.DataType of onnx.proto3). */
import type { DType } from "./tensor.js";

/** Element types of a file: those of the graph, and the one that only quantised weights have. */
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
