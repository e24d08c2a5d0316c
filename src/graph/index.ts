// The graph: symbolic tensors, operations, differentiation, and the ONNX writer.
export { costOf, type GraphCost } from "./cost.js";
export { grad, reachable } from "./grad.js";
export { allocate, encodeNumbers, fromFloat16, type NumericArray, toFloat16, viewNumbers } from "./numbers.js";
export { type OnnxAddition, withAddition } from "./onnx/addition.js";
export { type EncodeOptions, encodeOnnx, type OnnxModel, onnxOpsets } from "./onnx/encode.js";
export {
  freeHeight,
  freeSide,
  freeWidth,
  type Initializer,
  type NamedType,
  type OnnxGraph,
  type OnnxNode,
} from "./onnx/graph.js";
export { type LoopBody, writeOnnxLoop } from "./onnx/loop.js";
export * from "./onnx/passes/index.js";
export { onnxTypeCodes, type StoredType } from "./onnx/types.js";
export { onnxGraph, type WriteOptions, writeOnnx } from "./onnx/writer.js";
export * from "./ops/index.js";
export { accumulateGradients, rematerialise } from "./rematerialise.js";
export {
  byteSize,
  bytesPerElement,
  type DType,
  describe,
  elementCount,
  isFloat,
  type Node,
  type OnnxAttribute,
  type Shape,
  ShapeError,
  sameShape,
  type Tensor,
  type TensorType,
} from "./tensor.js";
