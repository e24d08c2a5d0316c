/** Tiny networks of every family with seeded weights, opened for analysis from a file. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSubject, type Subject } from "../../src/analysis/index.js";
import type { ModelConfig } from "../../src/models/index.js";
import { saveWeights } from "../../src/weights/index.js";
import { imageOf, weightsOf } from "./seeded-models.js";

/** Generated scenes, of which the analyses take four. */
export const seededImages = "generated:shapes?label=shape&size=24&length=4";

/** Writes a network of the family's tests to a new folder, which the caller removes, and opens it on four generated scenes. */
export async function seededSubject(
  config: ModelConfig,
  size = imageOf(config),
): Promise<{ readonly subject: Subject; readonly folder: string; readonly spec: string }> {
  const folder = await mkdtemp(join(tmpdir(), "fovea-subject-"));
  const spec = join(folder, "network.safetensors");
  await saveWeights(spec, weightsOf(config, size), "fovea");
  return { folder, spec, subject: await openSubject(spec, { images: seededImages, count: 4, threads: 1 }) };
}
