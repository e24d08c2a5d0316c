/** `fovea export`: writes a network as an ONNX file, or as a folder that transformers.js loads. */
import { z } from "zod";
import { formatBytes } from "../text/format.js";
import { command, UsageError } from "./command.js";
import { argument, count, list, natural, network, option, overwrite, sides, text } from "./options.js";
import * as json from "./results.js";

export default command({
  name: "export",
  summary: "Write a network as an ONNX file, or as a folder that transformers.js loads",
  options: {
    network,
    output: argument(text, "File to write (.onnx), or a folder"),
    weights: option(
      list(z.enum(["float32", "float16", "int8"])).default(["float32"]),
      "How weights are stored; int8 is faster too, on processors that multiply bytes faster than floats; several for a folder",
    ),
    outputs: option(
      z.enum(["logits", "features", "both"]).optional(),
      "What the model returns (default: logits where there is a head, else features)",
    ),
    input: option(
      z.enum(["pixel_values", "uint8", "photo"]).default("pixel_values"),
      "Scaled floats [batch, channels, height, width], 8-bit pixels [batch, height, width, channels], or photos of any size, which the model resizes itself",
    ),
    operators: option(
      z.enum(["fused", "plain"]).default("fused"),
      "fused: with ONNX Runtime's own operators (domain com.microsoft); plain: only operators of the ONNX standard, for other runtimes",
    ),
    opset: option(
      z.int().min(17).max(21).optional().meta({ hint: "17..21" }),
      "ONNX opset version; lower it for older runtimes (default: 21)",
    ),
    batch: option(count.optional(), "Batch size (default: any)"),
    calibration: option(
      text.optional().meta({ hint: "IMAGES" }),
      "Calibration images for the activation ranges of int8 convolutions; without them, convolutions are only stored in 8 bits",
    ),
    imageSize: option(
      sides.optional(),
      "Input image size; position embeddings are interpolated (default: the network's own)",
    ),
    classes: option(natural.optional(), "Replace the head by a zero-initialised head for N classes; 0 removes it"),
    overwrite,
  },
  examples: [
    { run: "fovea export runs/one model.onnx", does: "logits of any number of images" },
    { run: "fovea export runs/one web/ --weights float32,int8", does: "a folder for transformers.js" },
    {
      run: "fovea export B_16.npz b16.onnx --weights int8 --input uint8 --outputs both",
      does: "from pixels to logits and features, in a quarter of the size",
    },
  ],
  result: z.object({
    network: json.text,
    output: json.text,
    files: json.list(json.text),
    bytes: json.number.optional(),
    layout: z.enum(["huggingface", "fovea"]).optional(),
    notes: json.list(json.text).optional(),
    image: json.imageConfig,
    config: json.modelConfig,
  }),
  async run({ network, output, ...options }, { note }) {
    const { weights, input, outputs, batch, calibration } = options;
    const isFile = output.endsWith(".onnx");
    if (isFile && weights.length > 1) {
      throw new UsageError(`--weights: a file holds one of ${weights.join(", ")}; a folder holds several`);
    }
    if (!isFile && (input !== "pixel_values" || outputs !== undefined || batch !== undefined)) {
      throw new UsageError(
        "--input, --outputs and --batch are for an .onnx file: a folder has what transformers.js expects",
      );
    }
    if (calibration !== undefined && input !== "pixel_values") {
      throw new UsageError("--calibration: images are given in scaled form; export with --input pixel_values");
    }
    const { exportNetwork } = await import("../networks/index.js");
    return await exportNetwork(network, output, { ...options, note });
  },
  text: ({ network, output, files, bytes }, { weights }) =>
    bytes === undefined
      ? [`${output}: ${network} for transformers.js`, ...files.map((file) => `  ${file}`)]
      : `${files.join(", ")}: ${network} as ONNX, ${weights[0]} weights, ${formatBytes(bytes)}`,
});
