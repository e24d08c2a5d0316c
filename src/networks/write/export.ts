/** Writes any network as an ONNX file, or as a folder that transformers.js loads. */
import { stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { createLoader, openSource, take } from "../../data/index.js";
import {
  type ExportOptions,
  exportOnnx,
  type WeightFormat,
  writeExport,
  writeHuggingFaceFolder,
} from "../../export/index.js";
import { makeFolder, refuseExisting } from "../../files/folder.js";
import type { ModelConfig } from "../../models/index.js";
import type { Weights } from "../../weights/index.js";
import type { TrainedNetwork } from "../stored/read.js";
import { type NetworkChanges, readChanged } from "./convert.js";

export interface ExportNetworkOptions
  extends NetworkChanges,
    Pick<ExportOptions, "input" | "operators" | "opset" | "batch"> {
  /** How weights are stored; a folder may hold several forms. Default: float32. */
  readonly weights?: readonly WeightFormat[] | undefined;
  /** The outputs of the model. Default: logits if the network has a head, otherwise features. */
  readonly outputs?: "logits" | "features" | "both" | undefined;
  /**
   * Images from which int8 convolutions get their ranges. Default: none; convolutions then only have weights in 8 bits.
   */
  readonly calibration?: string | undefined;
  readonly overwrite?: boolean | undefined;
}

/** Describes the written files. */
export interface ExportedNetwork {
  readonly network: string;
  readonly output: string;
  readonly files: readonly string[];
  /** Size of an ONNX file with its external data. */
  readonly bytes: number | undefined;
  /** Layout of the weights in a folder. */
  readonly layout: "huggingface" | "fovea" | undefined;
  /** Properties of the network that a folder cannot store. */
  readonly notes: readonly string[] | undefined;
  readonly image: Weights["image"];
  readonly config: ModelConfig;
}

/** Enough to estimate the range of the activations; more only take longer. */
const calibrationImages = 48;

/** Images of a source in the input shape of the exported model: [n, 3 or the network's channels, height, width]. */
async function calibrationFrom(spec: string, network: TrainedNetwork, channels: number): Promise<Float32Array> {
  const whole = await openSource(spec, { unlabelled: true });
  try {
    const source = take(whole, calibrationImages);
    const loader = createLoader(source, {
      batchSize: source.length,
      preprocessing: network.preprocessing,
      evaluation: true,
      workers: 0,
    });
    const batch = await loader.next();
    await loader.close();
    if (!batch) throw new Error(`${spec} has no images to calibrate with`);
    const [, height, width, given] = batch.shape;
    const plane = height * width;
    const rows = [...batch.mask.keys()].filter((row) => batch.mask[row] === 1);
    const out = new Float32Array(rows.length * channels * plane);
    for (const [at, row] of rows.entries()) {
      for (let channel = 0; channel < channels; channel++) {
        for (let pixel = 0; pixel < plane; pixel++) {
          const from = (row * plane + pixel) * given + Math.min(channel, given - 1);
          out[(at * channels + channel) * plane + pixel] = batch.image[from] ?? 0;
        }
      }
    }
    return out;
  } finally {
    await whole.close();
  }
}

/**
 * Writes a network (a run, a checkpoint, published weights) to an .onnx file, or to a folder for transformers.js.
 *
 * Throws what reading the network throws, ExportError for a network that cannot be exported with these options, and an
 * Error for an existing file.
 *
 * @example await exportNetwork("runs/one", "model.onnx", { input: "uint8" });
 */
export async function exportNetwork(
  spec: string,
  output: string,
  options: ExportNetworkOptions = {},
): Promise<ExportedNetwork> {
  const {
    weights: formats = ["float32"],
    input = "pixel_values",
    operators = "fused",
    opset,
    outputs,
    batch,
    note,
  } = options;
  const isFile = output.endsWith(".onnx");
  if (isFile) refuseExisting(output, options.overwrite);
  const { network, weights } = await readChanged(spec, options);
  const { image, config } = weights;
  const calibration =
    options.calibration === undefined
      ? undefined
      : await calibrationFrom(options.calibration, network, isFile ? image.channels : 3);
  const common = { operators, opset, calibration };
  if (!isFile) {
    const { files, layout, notes } = await writeHuggingFaceFolder(output, weights, { ...common, weights: formats });
    for (const text of notes) note?.(text);
    return { network: network.path, output, files, bytes: undefined, layout, notes, image, config };
  }
  const [format = "float32"] = formats;
  const externalPath = `${basename(output)}.data`;
  const model = await exportOnnx(weights, { ...common, weights: format, input, externalPath, note, outputs, batch });
  makeFolder(dirname(output));
  const files = await writeExport(model, output);
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  const bytes = sizes.reduce((total, size) => total + size, 0);
  return { network: network.path, output, files, bytes, layout: undefined, notes: undefined, image, config };
}
