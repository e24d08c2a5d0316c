/** `fovea inspect`: describes a file of weights or a run, and looks into the network by analyses. */
import { z } from "zod";
import { groupDigits } from "../text/format.js";
import { columns } from "../text/table.js";
import { command } from "./command.js";
import {
  argument,
  count,
  flag,
  folder,
  list,
  natural,
  option,
  sides,
  storedNetwork,
  text,
  threads,
} from "./options.js";
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
  analyses: z
    .object({
      images: z.object({ name: json.text, count: json.number }),
      results: json.list(z.object({ name: json.text, title: json.text, text: json.text })),
      unavailable: json.list(z.object({ name: json.text, reason: json.text })),
      files: json.list(json.text).describe("the report, the numbers as JSON, then every chart"),
      seconds: json.number,
    })
    .optional()
    .describe("where images, --report, --only, --layer, --patch or --compare is given"),
});

/** Formats the settings of a network, without those that are off. */
function settingsOf(config: object): string {
  return Object.entries(config)
    .filter(([key, value]) => key !== "family" && value !== undefined && value !== false && value !== 0)
    .map(([key, value]) => `${key} ${typeof value === "object" ? JSON.stringify(value) : value}`)
    .join(", ");
}

/** The findings of the analyses, and where the report is. */
function analysesText({
  results,
  unavailable,
  files,
  seconds,
}: NonNullable<z.output<typeof result>["analyses"]>): string[] {
  return [
    "",
    ...results.map(({ title, text }) => `${title}: ${text}`),
    ...unavailable.map(({ name, reason }) => `${name}: not available: ${reason}`),
    "",
    `report: ${files[0]} (${seconds.toFixed(1)} s)`,
  ];
}

export default command({
  name: "inspect",
  summary: "Describe a network and look into it: attention, positions, filters, features",
  details:
    "Without images, prints layout, model, preprocessing, classes, licence and tensors. With images, --report, --only, --layer, --patch or --compare, also runs analyses and writes a report.",
  options: {
    network: storedNetwork,
    images: argument(
      text.optional(),
      "Images that the analyses look at: a dataset (default with --report, --only, --layer, --patch or --compare: bundled photos of clothes)",
    ),
    report: option(folder.optional(), "Folder for report.html, analysis.json and the charts (default: runs/inspect)", {
      group: "output",
    }),
    only: option(
      list(text).optional(),
      "Names of analyses; an unknown name lists them (default: all that apply but speed, which takes long)",
    ),
    layer: option(natural.optional(), "Block that analyses of one layer look at, from 0 (default: the last)"),
    patch: option(
      z.tuple([natural, natural]).optional().meta({ hint: "ROW,COLUMN" }),
      "Patch that analyses of one patch look at, from 0,0 (default: the middle)",
    ),
    compare: option(text.optional(), "Another network, whose layers the analysis similarity compares with this one's"),
    count: option(count.default(16), "Number of images, drawn evenly over classes"),
    imageSize: option(sides.optional(), "Input image size of the analyses (default: the network's own)"),
    tensors: option(flag, "List every tensor, not only the first few"),
    threads,
  },
  examples: [
    { run: "fovea inspect model.safetensors", does: "the model and its preprocessing" },
    { run: "fovea inspect runs/one photos/", does: "every analysis on your own images, as runs/inspect/report.html" },
    {
      run: "fovea inspect augreg:S/16 --report s16/ --only attention-distance",
      does: "one analysis of a downloaded network on bundled images",
    },
    {
      run: "fovea inspect embedded:bit --compare embedded:tiny --only similarity",
      does: "similarity of all layers of two networks on bundled images",
    },
    { run: "fovea inspect BiT-M-R50x1.npz --tensors --json", does: "every tensor, as JSON" },
  ],
  result,
  async run({ network, images, report, only, tensors: _, ...rest }, { note, signal }) {
    const { inspect } = await import("../networks/index.js");
    const { entries, ...found } = await inspect(network, note);
    const description = {
      ...found,
      tensors: [...entries].map(([name, { dtype, shape }]) => ({ name, dtype, shape })),
    };
    const asks = [images, report, only, rest.layer, rest.patch, rest.compare];
    if (asks.every((one) => one === undefined)) return description;
    const { analyse } = await import("../analysis/index.js");
    const analysed = await analyse(network, { ...rest, images, only, output: report, note, signal });
    const results = analysed.results.map(({ name, title, text }) => ({ name, title, text }));
    const { images: used, unavailable, files, seconds } = analysed;
    const analyses = { images: used, results, unavailable: [...unavailable], files: [...files], seconds };
    return { ...description, analyses };
  },
  text: ({ path, layout, config, image, metadata, parameterCount, tensors, notes, analyses }, { tensors: all }) => {
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
      ...(analyses === undefined ? [] : analysesText(analyses)),
    ];
  },
});
