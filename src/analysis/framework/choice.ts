/** The layer and the patch that a user chooses. */
import type { AnalysisOptions } from "./analysis.js";
import { spatialLayers } from "./layers.js";
import type { Subject } from "./subject.js";

/** Throws RangeError for a layer or a patch that the network does not have, with those that it has. */
export function checkChoice(subject: Subject, { layer, patch }: AnalysisOptions): void {
  const { config, spec } = subject;
  if (layer !== undefined) {
    if (config.family !== "vit" && config.family !== "mixer")
      throw new RangeError(
        `${spec} has no layer ${layer}: layers are blocks of a Vision Transformer or an MLP-Mixer; omit the layer of ${withoutLayers[config.family]}`,
      );
    if (layer >= config.depth) throw new RangeError(`${spec} has no layer ${layer}; expected 0 to ${config.depth - 1}`);
  }
  if (patch !== undefined) {
    const { rows, columns } = lastGrid(subject);
    const [row, column] = patch;
    if (row >= rows || column >= columns)
      throw new RangeError(
        `${spec} has no patch ${row},${column}: its grid has ${rows} x ${columns} patches; expected a row up to ${rows - 1} and a column up to ${columns - 1}`,
      );
  }
}

const withoutLayers = { resnet: "a ResNet", mobilenet: "a MobileNet", custom: "a user-defined model" } as const;

/** The grid of the patches, of a convolutional network that of its last stage. */
export function lastGrid(subject: Subject): { readonly rows: number; readonly columns: number } {
  return spatialLayers(subject).at(-1) ?? { rows: 1, columns: 1 };
}

/** The requested patch. Default: the middle of the grid. */
export function chosenPatch(subject: Subject, { patch }: AnalysisOptions): readonly [row: number, column: number] {
  const { rows, columns } = lastGrid(subject);
  return patch ?? [Math.floor(rows / 2), Math.floor(columns / 2)];
}
