/** Opens a run or published weights as a network: its parameters in an inference program. */

import { existsSync } from "node:fs";
import { exportOnnx } from "../../export/index.js";
import { elementCount } from "../../graph/index.js";
import { valueRangeOf } from "../../images/index.js";
import type { ProgramFunction } from "../../runtime/index.js";
import { parseNetworkSpec, splitSpec } from "../../weights/index.js";
import { forwardFunctions, onlyRepresentation } from "../forward/forward.js";
import { compileInference } from "../forward/inference-program.js";
import { defaultBatchSize, type Network, type OpenOptions, opened, wantedSize } from "../forward/network.js";
import { preprocessingOfViews } from "../forward/test-views.js";
import { CheckpointError } from "../stored/checkpoint.js";
import { digest, fileDigest } from "../stored/digest.js";
import { asWeights, readNetwork } from "../stored/read.js";
import { restoredState } from "../stored/restore.js";

/**
 * Opens the network that `readNetwork` reads (and throws its errors).
 *
 * Throws CheckpointError when the parameters do not fit the model (the error lists every missing, extra or mis-shaped
 * tensor), and when logits are requested of a network without a head.
 */
export async function openTrained(spec: string, options: OpenOptions = {}): Promise<Network> {
  const { output = "features", device = "cpu", threads, batchSize = defaultBatchSize, views, note } = options;
  if (splitSpec(spec).options.some(([name]) => name === "range" || name === "output")) {
    throw new Error(`"${spec}": range and output apply to ONNX files only; remove them`);
  }
  const image = wantedSize(spec, parseNetworkSpec(spec).size, options);
  const network = await readNetwork(spec, { image, note });
  const { path, config, imageShape, step, published, classNames, loss } = network;
  if (image && (imageShape[0] !== image[0] || imageShape[1] !== image[1])) {
    throw new Error(
      `${spec} takes images of ${imageShape[0]} x ${imageShape[1]}; given ${image.join(" x ")}; remove the image size`,
    );
  }
  const isHeadless = config.classes === 0;
  if (isHeadless && output === "logits") {
    throw new CheckpointError(
      `${path} was trained without classes and has no head, so it cannot classify; use its features (fovea embed, fovea fewshot), or fit a classifier on them (fovea fit)`,
    );
  }
  const forward = isHeadless
    ? onlyRepresentation({ model: config, image: imageShape, batchSize, fixedWeights: true })
    : forwardFunctions({ model: config, image: imageShape, batchSize, views, fixedWeights: true });
  const functions: { readonly represent: ProgramFunction; readonly classify?: ProgramFunction } = forward.functions;
  const forwardFunction = (output === "logits" ? functions.classify : undefined) ?? functions.represent;
  const state = forward.parameters.map(({ tensor }) => tensor);
  const wanted = forward.parameters.map(({ name, tensor }) => ({ name, shape: tensor.shape }));
  const values = restoredState(wanted, network);
  const program = await compileInference(forwardFunction, forward.parameters, values, { device, threads });
  const result = output === "logits" ? "logits" : "preLogits";
  const preprocessing = views ? preprocessingOfViews(network.preprocessing, imageShape, views) : network.preprocessing;
  const [tensor] = Object.values(forwardFunction.outputs);
  return opened({
    spec,
    kind: "network",
    path,
    output,
    imageShape,
    preprocessing,
    published,
    classNames,
    loss,
    valueRange: valueRangeOf(preprocessing),
    width: tensor!.shape.at(-1)!,
    batchSize,
    details: {
      step,
      name: config.family,
      parameters: state.reduce((total, { shape }) => total + elementCount(shape), 0),
      config,
    },
    run: async (feeds) => (await program.run("run", feeds, { transfer: true }))[result] as Float32Array,
    identity: async () =>
      existsSync(path)
        ? digest("network", await fileDigest(path), imageShape)
        : digest("network", path, config, imageShape),
    toOnnx: async () => {
      const { bytes, external } = await exportOnnx(asWeights(await readNetwork(spec, { image })), {
        outputs: "features",
      });
      if (external) throw new Error(`${spec} has more weights than one ONNX file can hold with a classifier`);
      return { bytes, input: "pixel_values", features: "features", layout: "NCHW", dtype: "float32" };
    },
    close: () => program.close(),
  });
}
