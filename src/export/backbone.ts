/** The ONNX file of a backbone that comes with the package. */
import { join } from "node:path";
import { loadWeights } from "../weights/index.js";
import { exportOnnx } from "./export-onnx.js";
import { writeExport } from "./write.js";

/**
 * Writes model.onnx of a folder from the model.safetensors in it: its features, with weights in float16. The same weights give
 * the same file. Throws WeightsError, and what the disk says.
 */
export async function writeBackboneOnnx(folder: string): Promise<void> {
  const weights = await loadWeights(join(folder, "model.safetensors"));
  await writeExport(await exportOnnx(weights, { outputs: "features", weights: "float16" }), join(folder, "model.onnx"));
}
