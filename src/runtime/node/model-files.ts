/** Writes model files to disk, for models whose weights do not fit into one file. */
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { OnnxModel } from "../../graph/index.js";

/** Saves a model and its external weights into a folder; returns the path of the model file. */
export async function writeModelFiles(model: OnnxModel, folder: string, name = "model.onnx"): Promise<string> {
  const path = join(folder, name);
  await writePieces(path, [model.bytes]);
  if (model.external) await writePieces(join(folder, model.external.path), model.external.pieces);
  return path;
}

async function writePieces(path: string, pieces: readonly Uint8Array[]): Promise<void> {
  await using file = await open(path, "w");
  for (const piece of pieces) await file.writeFile(piece);
}

/**
 * Calls `body` with the source from which the runtime opens a model: its bytes, or a file if it has external weights. External weights in
 * memory are written to a temporary folder. It is removed when `body` returns, when the runtime has read them.
 */
export async function withModelSource<T>(
  model: OnnxModel,
  body: (source: Uint8Array | string) => T | Promise<T>,
): Promise<T> {
  if (!model.external) return await body(model.file ?? model.bytes);
  const folder = await mkdtemp(join(tmpdir(), "fovea-model-"));
  try {
    return await body(await writeModelFiles(model, folder));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
