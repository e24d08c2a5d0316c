/** Describes the contents of a file of weights or a run, without running the network. */
import { elementCount } from "../../graph/index.js";
import { isStatisticName } from "../../nn/index.js";
import { type InspectedWeights, inspectWeights } from "../../weights/index.js";
import { asWeights, isRunPath, readNetwork } from "../stored/read.js";

/** The contents of a file of weights, or of the checkpoint of a run (layout `run`). */
export interface InspectedNetwork extends Omit<InspectedWeights, "format" | "layout"> {
  readonly layout: InspectedWeights["layout"] | "run";
  /** Only for a file of weights. */
  readonly format?: InspectedWeights["format"];
}

/**
 * Describes a network: layout, configuration, images, classes, licence and tensors.
 *
 * Throws what `readNetwork` and `inspectWeights` throw.
 */
export async function inspect(spec: string, note?: (text: string) => void): Promise<InspectedNetwork> {
  if (!isRunPath(spec)) return await inspectWeights(spec, {});
  const network = await readNetwork(spec, { note });
  const { config, image, metadata } = asWeights(network);
  const parameterCount = [...network.tensors]
    .filter(([name]) => !isStatisticName(name))
    .reduce((total, [, { shape }]) => total + elementCount(shape), 0);
  const entries = network.tensors;
  return { path: network.path, layout: "run", config, image, metadata, parameterCount, entries, notes: [] };
}
