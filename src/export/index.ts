// Networks out: ONNX models for any runtime, Hugging Face folders.
export { ExportError } from "./error.js";
export { type ExportOptions, exportedGraph, exportOnnx, usualScaling, type WeightFormat } from "./export-onnx.js";
export type { OutputKind, PixelScaling } from "./trace.js";
