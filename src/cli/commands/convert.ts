/** `fovea convert`: a network's weights in another published layout. */

import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { makeFolder } from "../../files/folder.js";
import type { ModelFamily } from "../../models/index.js";
import { formatBytes } from "../../text/format.js";
import { didYouMean } from "../../text/nearest.js";
import { type LayoutName, layouts, type SaveOptions, saveWeights } from "../../weights/index.js";
import { defineCommand } from "../command.js";
import { convert } from "../definitions.js";
import { UsageError } from "../words.js";
import { readForWriting, refuseExisting } from "./network.js";

const names: readonly LayoutName[] = [...new Set(layouts.map(({ name }) => name))];

const dtypes: readonly NonNullable<SaveOptions["dtype"]>[] = ["float32", "float16"];

/** The layout that was named, or the usual one of the file's ending. */
function layoutOf(given: string | undefined, output: string, family: ModelFamily): LayoutName {
  if (given !== undefined) {
    const found = names.find((name) => name === given);
    if (found) return found;
    throw new UsageError(`--layout: "${given}" is none of ${names.join(", ")}${didYouMean(given, names)}`);
  }
  const format = output.endsWith(".npz") ? "npz" : "safetensors";
  return layouts.find((layout) => layout.format === format && layout.families.includes(family))?.name ?? "fovea";
}

export const command = defineCommand(convert, async ({ args, note }) => {
  const { output } = args;
  if (!/\.(safetensors|npz)$/.test(output)) {
    throw new UsageError(`OUTPUT: "${output}" ends in neither .safetensors nor .npz; for ONNX see \`fovea export\``);
  }
  const dtype = dtypes.find((one) => one === args.weights);
  if (!dtype) throw new UsageError(`--weights: "${args.weights}" is none of ${dtypes.join(", ")}`);
  refuseExisting(output, args.overwrite);
  const { network, weights } = await readForWriting(args, note);
  const layout = layoutOf(args.layout, output, weights.config.family);
  makeFolder(dirname(output));
  const { lost } = await saveWeights(output, weights, layout, { dtype });
  const { size: bytes } = await stat(output);
  for (const what of lost) note(`not in ${output}: ${what}`);
  return {
    document: {
      network: network.path,
      output,
      layout,
      dtype,
      bytes,
      image: weights.image,
      config: weights.config,
      lost,
    },
    text: `${output}: ${network.path} in the layout "${layout}", ${dtype}, ${formatBytes(bytes)}`,
  };
});
