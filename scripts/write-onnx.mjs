// Writes models/*/model.onnx beside the weights they are made of: part of the build, so that the repository holds every weight
// once.
import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { writeBackboneOnnx } from "../dist/export/index.js";

const models = fileURLToPath(new URL("../models/", import.meta.url));
for (const name of readdirSync(models)) {
  if (existsSync(`${models}${name}/model.safetensors`)) await writeBackboneOnnx(`${models}${name}`);
}
