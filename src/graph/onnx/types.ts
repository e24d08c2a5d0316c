// The numbers ONNX gives element types (TensorProto.DataType of onnx.proto3).
import type { DType } from "../tensor.js";

export const onnxTypeCodes: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  uint32: 12,
};
