/** `fovea inspect`: what is in a file of weights or a run. */
import { z } from "zod";
import { groupDigits } from "../text/format.js";
import { columns } from "../text/table.js";
import { command } from "./command.js";
import { flag, option, storedNetwork } from "./options.js";
import * as json from "./results.js";

/** Number of tensors that are shown by default. */
const shown = 8;

const result = z.object({
  path: json.text,
  format: z.enum(["safetensors", "npz"]).optional(),
  layout: json.text,
  config: z.intersection(json.modelConfig, z.object({ classes: json.number })),
  image: json.imageConfig,
  metadata: z.object({
    preprocessing: json.text.optional(),
    classNames: json.list(json.text).optional(),
    licence: json.text.optional(),
    source: json.text.optional(),
    accuracies: json.list(z.object({ dataset: json.text, top1: json.number, resolution: json.number })).optional(),
  }),
  parameterCount: json.number,
  notes: json.list(json.text),
  tensors: json.list(z.object({ name: json.text, dtype: json.text, shape: json.list(json.number) })),
});

/** Settings of a network that are worth a line: plain values. */
function settingsOf(config: object): string {
  return Object.entries(config)
    .filter(([key, value]) => key !== "family" && value !== undefined && value !== false && value !== 0)
    .map(([key, value]) => `${key} ${typeof value === "object" ? JSON.stringify(value) : value}`)
    .join(", ");
}

export default command({
  name: "inspect",
  summary: "Describe a file of weights: layout, model, images, classes, licence, tensors",
  options: {
    network: storedNetwork,
    tensors: option(flag, "List every tensor, not only the first few"),
  },
  examples: [
    { run: "fovea inspect model.safetensors", does: "the model and its preprocessing" },
    { run: "fovea inspect BiT-M-R50x1.npz --tensors --json", does: "every tensor, as JSON" },
  ],
  result,
  async run({ network }, { note }) {
    const { inspect } = await import("../networks/index.js");
    const { entries, ...found } = await inspect(network, note);
    return { ...found, tensors: [...entries].map(([name, { dtype, shape }]) => ({ name, dtype, shape })) };
  },
  text: ({ path, layout, config, image, metadata, parameterCount, tensors, notes }, { tensors: all }) => {
    const { preprocessing, classNames, licence, source, accuracies } = metadata;
    const some =
      classNames && classNames.length > 6 ? `${classNames.slice(0, 6).join(", ")}, ...` : classNames?.join(", ");
    const rows: [string, string | undefined][] = [
      ["file", path],
      ["layout", layout],
      ["network", `${config.family}: ${settingsOf(config)}`],
      ["parameters", groupDigits(parameterCount)],
      ["images", `${image.height} x ${image.width}, ${image.channels} channels`],
      ["preprocessing", preprocessing],
      ["classes", classNames ? `${classNames.length}: ${some}` : `${config.classes}, without names`],
      ["licence", licence],
      ["source", source],
      ["published", accuracies?.map((one) => `${one.top1} % on ${one.dataset} at ${one.resolution} px`).join(", ")],
      ...notes.map((text): [string, string] => ["note", text]),
    ];
    const list = tensors.slice(0, all ? tensors.length : shown);
    const lines = columns(
      list.map(({ name, dtype, shape }) => [name, `${dtype} [${shape.join(", ")}]`]),
      () => true,
    );
    const more = tensors.length - list.length;
    return [
      ...rows.flatMap(([key, value]) => (value === undefined ? [] : [`${key.padEnd(14)}${value}`])),
      `${tensors.length} tensors`,
      ...lines.map((line) => `  ${line}`),
      ...(more > 0 ? [`  and ${more} more (--tensors shows all)`] : []),
    ];
  },
});
