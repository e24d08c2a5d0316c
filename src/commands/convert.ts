/** `fovea convert`: writes a network's weights in another published layout. */
import { z } from "zod";
import { formatBytes } from "../text/format.js";
import type { LayoutName } from "../weights/index.js";
import { command, UsageError } from "./command.js";
import { argument, file, natural, network, option, overwrite, sides } from "./options.js";
import * as json from "./results.js";

const layoutNames = [
  "fovea",
  "timm",
  "huggingface",
  "openclip",
  "augreg",
  "bit",
  "mixer",
] as const satisfies readonly LayoutName[];

export default command({
  name: "convert",
  summary: "Write a network's weights in another published layout",
  options: {
    network,
    output: argument(file, "File to write: .safetensors or .npz"),
    layout: option(
      z.enum(layoutNames).optional().meta({ hint: "NAME" }),
      "fovea, timm or huggingface (.safetensors); augreg, bit or mixer (.npz) (default: fovea, or the .npz layout of the family)",
    ),
    weights: option(
      z.enum(["float32", "float16"]).default("float32"),
      "How numbers are stored; float16 halves the file",
    ),
    imageSize: option(
      sides.optional(),
      "Interpolate the position embeddings of published weights for images of this size",
    ),
    classes: option(natural.optional(), "Replace the head by a zero-initialised head for N classes; 0 removes it"),
    overwrite,
  },
  examples: [
    {
      run: "fovea convert runs/one tiny.safetensors --layout timm",
      does: "a run's network under timm's names",
    },
    { run: "fovea convert B_16.npz b16.safetensors --layout huggingface", does: "from AugReg to Hugging Face" },
    {
      run: "fovea convert augreg:S/16 s16.safetensors --image-size 384 --classes 0",
      does: "for larger images, without a head",
    },
  ],
  result: z.object({
    network: json.text,
    output: json.text,
    layout: z.enum(layoutNames),
    dtype: z.enum(["float32", "float16"]),
    bytes: json.number,
    image: json.imageConfig,
    config: json.modelConfig,
    lost: json.list(json.text).describe("what the layout cannot hold"),
  }),
  async run({ network, output, weights, ...options }, { note }) {
    if (!/\.(safetensors|npz)$/.test(output)) {
      throw new UsageError(
        `OUTPUT: expected a .safetensors or .npz file, given "${output}"; for ONNX see \`fovea export\``,
      );
    }
    const { convert } = await import("../networks/index.js");
    return await convert(network, output, { ...options, dtype: weights, note });
  },
  text: ({ output, network, layout, dtype, bytes }) =>
    `${output}: ${network} in the layout "${layout}", ${dtype}, ${formatBytes(bytes)}`,
});
