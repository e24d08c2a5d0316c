/**
 * Writes models/NAME/model.onnx from the weights beside it. It is part of the build, so that the repository stores all
 * weights once.
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** Writes the files of backbones in the folder `models`, with the code built in `dist`. */
export async function writeOnnx(dist, models, names) {
  const { writeBackboneOnnx } = await import(pathToFileURL(join(dist, "export", "index.js")).href);
  for (const name of names) await writeBackboneOnnx(join(models, name));
}
