// Model files on disk, for models whose weights do not fit into one.
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { OnnxModel } from "../graph/index.js";

/** Saves a model and its external weights into a folder; returns the path of the model file. */
export async function writeModelFiles(model: OnnxModel, folder: string, name = "model.onnx"): Promise<string> {
  const path = join(folder, name);
  await writePieces(path, [model.bytes]);
  if (model.external) await writePieces(join(folder, model.external.path), model.external.pieces);
  return path;
}

async function writePieces(path: string, pieces: readonly Uint8Array[]): Promise<void> {
  const file = await open(path, "w");
  try {
    for (const piece of pieces) await file.writeFile(piece);
  } finally {
    await file.close();
  }
}
