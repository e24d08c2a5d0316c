/** `fovea export`: a network as an ONNX file, or as a folder that transformers.js loads. */

import { stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { createLoader, openSource, take } from "../../data/index.js";
import { exportOnnx, type WeightFormat, writeExport, writeHuggingFaceFolder } from "../../export/index.js";
import { makeFolder } from "../../files/folder.js";
import type { TrainedNetwork } from "../../networks/index.js";
import { formatBytes } from "../../text/format.js";
import { defineCommand } from "../command.js";
import { exportNetwork } from "../definitions.js";
import { UsageError, wholeNumber } from "../words.js";
import { readForWriting, refuseExisting } from "./network.js";

const formats: readonly WeightFormat[] = ["float32", "float16", "int8"];

/** One of the words a flag takes. Throws UsageError naming them. */
function oneOf<T extends string>(text: string, flag: string, words: readonly T[]): T {
  const found = words.find((word) => word === text);
  if (found === undefined) throw new UsageError(`--${flag}: "${text}" is none of ${words.join(", ")}`);
  return found;
}

/** Enough to see how far the numbers inside reach; more only takes longer. */
const calibrationImages = 48;

/** Images of a source as the exported model takes them: [n, 3 or the network's channels, height, width]. */
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
    const batch = (await loader.next())!;
    await loader.close();
    const [, height, width, given] = batch.shape;
    const plane = height * width;
    const rows = [...batch.mask.keys()].filter((row) => batch.mask[row] === 1);
    const out = new Float32Array(rows.length * channels * plane);
    for (const [at, row] of rows.entries()) {
      for (let channel = 0; channel < channels; channel++) {
        for (let pixel = 0; pixel < plane; pixel++) {
          const from = (row * plane + pixel) * given + Math.min(channel, given - 1);
          out[(at * channels + channel) * plane + pixel] = batch.image[from]!;
        }
      }
    }
    return out;
  } finally {
    await whole.close();
  }
}

export const command = defineCommand(exportNetwork, async ({ args, note }) => {
  const { output } = args;
  const isFile = output.endsWith(".onnx");
  const weightFormats = args.weights.split(",").map((word) => oneOf(word, "weights", formats));
  const operators = oneOf(args.operators, "operators", ["fused", "plain"]);
  const input = oneOf(args.input, "input", ["pixel_values", "uint8", "photo"]);
  if (isFile && weightFormats.length > 1) {
    throw new UsageError(`--weights: a file holds one of ${weightFormats.join(", ")}; a folder holds several`);
  }
  if (!isFile && (input !== "pixel_values" || args.outputs !== undefined || args.batch !== undefined)) {
    throw new UsageError(
      "--input, --outputs and --batch are for an .onnx file: a folder has what transformers.js expects",
    );
  }
  if (isFile) refuseExisting(output, args.overwrite);
  const { network, weights } = await readForWriting(args, note);
  const { channels } = weights.image;
  if (args.calibration !== undefined && input !== "pixel_values") {
    throw new UsageError("--calibration: images are given in scaled form; export with --input pixel_values");
  }
  const common = {
    operators,
    ...(args.opset !== undefined && { opset: wholeNumber(args.opset, "opset") }),
    ...(args.calibration !== undefined && {
      calibration: await calibrationFrom(args.calibration, network, isFile ? channels : 3),
    }),
  };
  if (!isFile) {
    const { files, layout, notes } = await writeHuggingFaceFolder(output, weights, {
      ...common,
      weights: weightFormats,
    });
    for (const text of notes) note(text);
    return {
      document: { network: network.path, output, files, layout, notes, image: weights.image, config: weights.config },
      text: [`${output}: ${network.path} for transformers.js`, ...files.map((file) => `  ${file}`)].join("\n"),
    };
  }
  const outputs =
    args.outputs === undefined ? undefined : oneOf(args.outputs, "outputs", ["logits", "features", "both"]);
  const model = await exportOnnx(weights, {
    ...common,
    weights: weightFormats[0]!,
    input,
    externalPath: `${basename(output)}.data`,
    note,
    ...(outputs && { outputs }),
    ...(args.batch !== undefined && { batch: wholeNumber(args.batch, "batch", 1) }),
  });
  makeFolder(dirname(output));
  const files = await writeExport(model, output);
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  const bytes = sizes.reduce((total, size) => total + size, 0);
  return {
    document: { network: network.path, output, files, bytes, image: weights.image, config: weights.config },
    text: `${files.join(", ")}: ${network.path} as ONNX, ${weightFormats[0]} weights, ${formatBytes(bytes)}`,
  };
});
