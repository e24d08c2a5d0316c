/** `fovea inspect weights`: what is in a file of weights, without computing with it. */

import { elementCount } from "../../graph/index.js";
import { asWeights, isRunPath, readNetwork } from "../../networks/index.js";
import { largest } from "../../text/arrays.js";
import { type InspectedWeights, inspectWeights } from "../../weights/index.js";
import { defineCommand } from "../command.js";
import { inspectWeights as definition } from "../definitions.js";

/** How many tensors are shown where not all are asked for. */
const shown = 8;

type Inspected = Omit<InspectedWeights, "format" | "layout"> & { readonly layout: string };

/** A run's checkpoint described as published weights are. */
async function inspectRun(path: string, note: (text: string) => void): Promise<Inspected> {
  const network = await readNetwork(path, { note });
  const { config, image, metadata } = asWeights(network);
  const parameterCount = [...network.tensors.values()].reduce((total, { shape }) => total + elementCount(shape), 0);
  const entries = network.tensors;
  return { path: network.path, layout: "run", config, image, metadata, parameterCount, entries, notes: [] };
}

/** Settings of a network that are worth a line: plain values. */
function settingsOf(config: Readonly<Record<string, unknown>>): string {
  return Object.entries(config)
    .filter(([key, value]) => key !== "family" && value !== undefined && value !== false && value !== 0)
    .map(([key, value]) => `${key} ${typeof value === "object" ? JSON.stringify(value) : value}`)
    .join(", ");
}

function describe({ path, layout, config, image, metadata, parameterCount, entries, notes }: Inspected, all: boolean) {
  const { preprocessing, classNames, licence, source, accuracies } = metadata;
  const some =
    classNames && classNames.length > 6 ? `${classNames.slice(0, 6).join(", ")}, ...` : classNames?.join(", ");
  const rows: [string, string | undefined][] = [
    ["file", path],
    ["layout", layout],
    ["network", `${config.family}: ${settingsOf({ ...config })}`],
    ["parameters", parameterCount.toLocaleString("en-US")],
    ["images", `${image.height} x ${image.width}, ${image.channels} channels`],
    ["preprocessing", preprocessing],
    ["classes", classNames ? `${classNames.length}: ${some}` : `${config.classes}, not named`],
    ["licence", licence],
    ["source", source],
    ["published", accuracies?.map((one) => `${one.top1} % on ${one.dataset} at ${one.resolution} px`).join(", ")],
    ...notes.map((text): [string, string] => ["note", text]),
  ];
  const list = [...entries].slice(0, all ? entries.size : shown);
  const width = largest(list.map(([name]) => name.length));
  const lines = list.map(([name, { dtype, shape }]) => `  ${name.padEnd(width)}  ${dtype} [${shape.join(", ")}]`);
  const more = entries.size - list.length;
  return [
    ...rows.flatMap(([key, value]) => (value === undefined ? [] : [`${key.padEnd(14)}${value}`])),
    `${entries.size} tensors`,
    ...lines,
    ...(more > 0 ? [`  and ${more} more (--tensors shows all)`] : []),
  ].join("\n");
}

export const command = defineCommand(definition, async ({ args, note }) => {
  const found: Inspected = isRunPath(args.network)
    ? await inspectRun(args.network, note)
    : await inspectWeights(args.network, {});
  const { entries, ...document } = found;
  const tensors = [...entries].map(([name, { dtype, shape }]) => ({ name, dtype, shape }));
  return { document: { ...document, tensors }, text: describe(found, args.tensors === true) };
});
