// The graph: symbolic tensors, operations, differentiation, and the ONNX writer.
export { costOf, type GraphCost } from "./cost.js";
export { grad, reachable } from "./grad.js";
export { allocate, encodeNumbers, fromFloat16, type NumericArray, toFloat16, viewNumbers } from "./numbers.js";
export { type LoopBody, type OnnxModel, type WriteOptions, writeOnnx, writeOnnxLoop } from "./onnx/writer.js";
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
  type Shape,
  ShapeError,
  sameShape,
  type Tensor,
  type TensorType,
} from "./tensor.js";
