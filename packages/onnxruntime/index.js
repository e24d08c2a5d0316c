/** ONNX Runtime for Node, as onnxruntime-node exports it. */
import { createRequire } from "node:module";
import { entry } from "./location.js";

export const {
  env,
  InferenceSession,
  listSupportedBackends,
  registerBackend,
  Tensor,
  TRACE,
  TRACE_EVENT_BEGIN,
  TRACE_EVENT_END,
  TRACE_FUNC_BEGIN,
  TRACE_FUNC_END,
} = createRequire(import.meta.url)(entry);
