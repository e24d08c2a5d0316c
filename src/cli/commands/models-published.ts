/** `fovea models --published`: the recommended AugReg checkpoints with what they reach and the names that load them. */
import { didYouMean } from "../../text/nearest.js";
import { type PublishedAugReg, publishedAugReg } from "../../weights/index.js";
import type { CommandResult } from "../command.js";
import { columns } from "../output.js";
import { UsageError } from "../words.js";

/** The variant a name is of: "S" of "S/16", "Mixer-B" of "Mixer-B/16", "R50" of "R50x1" and "R50+B/16". */
export const variantOf = (name: string): string => /^(?:R\d+(?=[x+])|[^/]+)/.exec(name)![0];

const seriesOf = (name: string): string => (name.includes("+") ? "hybrid" : "vit");

function selected(filter: string | undefined): readonly PublishedAugReg[] {
  if (filter === undefined) return publishedAugReg;
  const found = publishedAugReg.filter(({ name }) =>
    [name, variantOf(name), seriesOf(name)].some((known) => known === filter),
  );
  if (found.length > 0) return found;
  const names = publishedAugReg.map(({ name }) => name);
  const meant = didYouMean(filter, [...names, ...names.map(variantOf)]);
  throw new UsageError(
    `no recommended checkpoint is of "${filter}"${meant || ";"} There are ${names.join(", ")}, and the series vit and hybrid`,
  );
}

/** The checkpoints of a model, variant or series; all without one. Throws UsageError for a name of none. */
export function publishedCheckpoints(filter: string | undefined): CommandResult {
  const checkpoints = selected(filter).map((entry) => ({
    ...entry,
    load: `augreg:${entry.name}`,
    loadPretrained: `augreg:${entry.name}-i21k`,
  }));
  const head = ["name", "top-1 %", "pixels", "images/s", "MiB", "load", "pre-trained only"];
  const cells = checkpoints.map((one) => [
    one.name,
    one.top1.toFixed(2),
    `${one.resolution}`,
    one.imagesPerSecond.toLocaleString("en-US"),
    one.mebibytes.toLocaleString("en-US"),
    one.load,
    one.loadPretrained,
  ]);
  const line = columns(head, cells, head.length - 2);
  const text = [
    "Recommended AugReg checkpoints (Steiner et al., 2021), pre-trained on ImageNet-21k, fine-tuned on ImageNet",
    "",
    ...[head, ...cells].map(line),
    "",
    "Top-1 is on ImageNet's validation images of that many pixels, images a second are on one V100 at that size, both as published; MiB are of the pre-trained file. Any command that takes a network takes the names: fovea predict augreg:S/16 photos/",
  ].join("\n");
  return { document: { checkpoints }, text };
}
