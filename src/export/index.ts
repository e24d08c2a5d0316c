/** Exports networks: ONNX models for any runtime, and Hugging Face folders. */

export { writeBackboneOnnx } from "./backbone.js";
export { ExportError } from "./error.js";
export { type ExportOptions, exportedGraph, exportOnnx, type WeightFormat } from "./export-onnx.js";
export {
  type HuggingFaceFolder,
  type HuggingFaceOptions,
  preprocessorOf,
  writeHuggingFaceFolder,
} from "./hugging-face.js";
export { inferenceGraph } from "./inference.js";
export { resizingLines } from "./model-card.js";
export { defaultScaling, type PixelPreparation, pixelPreparation } from "./pixels.js";
export { type OutputKind, type PixelScaling, withParameters } from "./trace.js";
export { writeExport } from "./write.js";
