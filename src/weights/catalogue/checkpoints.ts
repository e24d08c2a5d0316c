/** Lists the recommended AugReg checkpoints of a model, variant or series. */
import { didYouMean } from "../../text/nearest.js";
import { type PublishedAugReg, publishedAugReg } from "../published-augreg.js";

/** The variant of a name: "S" of "S/16", "Mixer-B" of "Mixer-B/16", "R50" of "R50x1" and "R50+B/16". */
export const variantOf = (name: string): string => /^(?:R\d+(?=[x+])|[^/]+)/.exec(name)?.[0] ?? name;

const seriesOf = (name: string): string => (name.includes("+") ? "hybrid" : "vit");

function selected(filter: string | undefined): readonly PublishedAugReg[] {
  if (filter === undefined) return publishedAugReg;
  const found = publishedAugReg.filter(({ name }) => [name, variantOf(name), seriesOf(name)].includes(filter));
  if (found.length > 0) return found;
  const names = publishedAugReg.map(({ name }) => name);
  const meant = didYouMean(filter, [...names, ...names.map(variantOf)]);
  throw new RangeError(
    `no recommended checkpoint is called "${filter}"${meant || ";"} available: ${names.join(", ")}, and the series vit and hybrid`,
  );
}

/** The checkpoints of a model, variant or series; default: all. Throws RangeError for an unknown name. */
export function publishedCheckpoints(filter: string | undefined) {
  return selected(filter).map((entry) => ({
    ...entry,
    load: `augreg:${entry.name}`,
    loadPretrained: `augreg:${entry.name}-i21k`,
  }));
}
