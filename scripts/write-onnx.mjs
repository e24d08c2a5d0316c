// Writes models/*/model.onnx beside the weights they are made of: part of the build, so that the repository holds every weight
// once. The same weights give the same file.
import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { exportOnnx, writeExport } from "../dist/export/index.js";
import { loadWeights } from "../dist/weights/index.js";

const models = fileURLToPath(new URL("../models/", import.meta.url));
for (const name of readdirSync(models)) {
  const weights = `${models}${name}/model.safetensors`;
  if (!existsSync(weights)) continue;
  const graph = await exportOnnx(await loadWeights(weights), { outputs: "features", weights: "float16" });
  await writeExport(graph, `${models}${name}/model.onnx`);
}
