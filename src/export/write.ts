/** Writes exported models to disk. */
import { dirname, join } from "node:path";
import { writeFileAtomically } from "../files/atomic.js";
import type { OnnxModel } from "../graph/index.js";

/**
 * Writes a model to a file, and external weights beside it, each atomically; returns the files. The weights are written first, so that an
 * existing model always finds them.
 */
export async function writeExport(model: OnnxModel, file: string): Promise<readonly string[]> {
  const { external } = model;
  const weights = external ? [join(dirname(file), external.path)] : [];
  if (external) await writeFileAtomically(weights[0]!, external.pieces);
  await writeFileAtomically(file, [model.bytes]);
  return [file, ...weights];
}
