/** Writes the ONNX file of a backbone of the package. */
import { join } from "node:path";
import { loadWeights } from "../weights/index.js";
import { exportOnnx } from "./export-onnx.js";
import { writeExport } from "./write.js";

/**
 * Writes the features of a folder's model.safetensors as model.onnx with float16 weights. The same weights give the same file. Throws
 * WeightsError, and the errors of the disk.
 */
export async function writeBackboneOnnx(folder: string): Promise<void> {
  const weights = await loadWeights(join(folder, "model.safetensors"));
  await writeExport(await exportOnnx(weights, { outputs: "features", weights: "float16" }), join(folder, "model.onnx"));
}
