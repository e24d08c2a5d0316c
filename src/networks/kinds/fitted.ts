/** Opens the folder of a fitted classifier as a network for its logits. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { closeOnError } from "../../files/closable.js";
import { type Network, type OpenOptions, opened } from "../forward/network.js";
import { headFile, modelFile, readClassifier } from "../heads/classifier-folder.js";
import { loadHead } from "../heads/files.js";
import { headScores } from "../heads/scores.js";
import { digest, fileDigest } from "../stored/digest.js";
import { openOnnx } from "./onnx.js";

/**
 * Opens the folder that `fovea fit` wrote: its ONNX file or, if that was deleted, its head on its backbone. For
 * features, it opens the backbone.
 *
 * `open` opens the backbone. Throws an Error for a damaged folder, or a backbone that has changed since the head was
 * fitted.
 */
export async function openFitted(
  path: string,
  options: OpenOptions,
  open: (spec: string, options: OpenOptions) => Promise<Network>,
): Promise<Network> {
  const described = await readClassifier(path);
  const { spec, imageShape, identity } = described.backbone;
  const fittedSize = [imageShape[0], imageShape[1]] as const;
  if (options.output !== "logits") return await open(spec, { ...options, imageSize: options.imageSize ?? fittedSize });
  const { classNames, preprocessing, method, expected } = described;
  const own = {
    spec: path,
    kind: "fitted",
    path,
    classNames,
    preprocessing,
    details: { method, expected, backbone: described.backbone },
  };
  const model = join(path, modelFile);
  if (existsSync(model)) return opened({ ...(await openOnnx(model, options)), ...own });
  const head = await loadHead(join(path, headFile));
  options.note?.(`${path} has no ${modelFile}; using its head on ${spec}`);
  const backbone = await open(spec, { ...options, output: "features", imageSize: fittedSize });
  await closeOnError(backbone, async () => {
    if ((await backbone.identity()) !== identity) {
      throw new Error(
        `${path} was fitted on ${spec}, which has changed since; fit again, or restore the earlier backbone`,
      );
    }
  });
  return opened({
    ...backbone,
    ...own,
    output: "logits",
    width: head.classes,
    run: async (feeds) => {
      const data = await backbone.run(feeds);
      const scores = await headScores(head, { data, rows: backbone.batchSize, columns: head.width });
      return Float32Array.from(scores.data);
    },
    identity: async () => digest("fitted", await fileDigest(join(path, headFile)), identity),
  });
}
