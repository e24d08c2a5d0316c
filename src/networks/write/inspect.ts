/** Describes the contents of a file of weights or a run, without running the network. */
import { elementCount } from "../../graph/index.js";
import { isStatisticName } from "../../nn/index.js";
import { type InspectedWeights, inspectWeights } from "../../weights/index.js";
import { asWeights, isRunPath, randomPrefix, readNetwork } from "../stored/read.js";

/** The contents of a file of weights, of the checkpoint of a run (layout `run`), or random weights (layout `random`). */
export interface InspectedNetwork extends Omit<InspectedWeights, "format" | "layout"> {
  readonly layout: InspectedWeights["layout"] | "run" | "random";
  /** Only for a file of weights. */
  readonly format?: InspectedWeights["format"];
}

/**
 * Describes a network: layout, configuration, images, classes, licence and tensors.
 *
 * Throws what `readNetwork` and `inspectWeights` throw.
 */
export async function inspect(spec: string, note?: (text: string) => void): Promise<InspectedNetwork> {
  const random = spec.startsWith(randomPrefix);
  if (!random && !isRunPath(spec)) return await inspectWeights(spec, {});
  const network = await readNetwork(spec, { note });
  const { config, image, metadata } = asWeights(network);
  const parameterCount = [...network.tensors]
    .filter(([name]) => !isStatisticName(name))
    .reduce((total, [, { shape }]) => total + elementCount(shape), 0);
  const { path, tensors: entries } = network;
  const layout = random ? "random" : "run";
  return { path, layout, config, image, metadata, parameterCount, entries, notes: [] };
}
