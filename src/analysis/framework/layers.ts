/** Layers of a network that keep the places of the image: tokens of patches, or maps of channels. */
import { mobilenetShapes } from "../../models/index.js";
import { patchGrid } from "../../weights/index.js";
import type { Subject, Traced } from "./subject.js";

/** A layer with a vector for each cell of a grid over the image. */
export interface SpatialLayer {
  /** Name of the intermediate. */
  readonly name: string;
  /** Short name for captions. */
  readonly label: string;
  readonly rows: number;
  readonly columns: number;
  /** Length of the vectors. */
  readonly width: number;
  /** Is it stored as channels [width, rows, columns], and not as tokens [tokens, width]? */
  readonly isMap: boolean;
}

/** The layers in the order of computation: input of the blocks, every block (of a ResNet: every unit), and what is pooled. */
export function spatialLayers({ config, intermediates, imageShape }: Subject): SpatialLayer[] {
  const grid = patchGrid(config, { height: imageShape[0], width: imageShape[1] });
  const layers: SpatialLayer[] = [];
  const add = (name: string, label: string): void => {
    const shape = intermediates.get(name);
    if (!shape) return;
    const [width = 0, rows = 0, columns = 0] = shape;
    layers.push(
      grid
        ? { name, label, ...grid, width: shape[1] ?? 0, isMap: false }
        : { name, label, rows, columns, width, isMap: true },
    );
  };
  if (config.family === "resnet") {
    add("root", "root");
    for (const [i, units] of config.blocks.entries()) {
      for (let j = 1; j <= units; j++) add(`block${i + 1}/unit${j}/output`, `block${i + 1}/unit${j}`);
    }
    add("features", "features");
    return layers;
  }
  if (config.family === "mobilenet") {
    add("stem", "stem");
    const { blocks } = mobilenetShapes[config.architecture];
    for (const i of blocks.keys()) add(`block${i + 1}/output`, `block${i + 1}`);
    add("features", "features");
    return layers;
  }
  // nothing is known about the intermediates of a user-defined model
  if (config.family === "custom") return layers;
  add("stem", config.family === "vit" && config.stem.kind !== "patch" ? "stem" : "patches");
  for (let l = 0; l < config.depth; l++) {
    add(config.family === "vit" ? `Transformer/encoderblock_${l}/output` : `MixerBlock_${l}/output`, `block ${l}`);
  }
  add("encoded", config.family === "vit" && config.poolNorm === "after" ? "encoded" : "last norm");
  return layers;
}

/** The vectors of a layer [rows * columns, width], row-major and without a class token. */
export function vectorsOf({ data }: Traced, { rows, columns, width, isMap }: SpatialLayer): Float32Array {
  const cells = rows * columns;
  // a class token comes first
  if (!isMap) return data.slice(data.length - cells * width);
  const vectors = new Float32Array(cells * width);
  for (let c = 0; c < width; c++) {
    for (let i = 0; i < cells; i++) vectors[i * width + c] = data[c * cells + i] ?? 0;
  }
  return vectors;
}

/**
 * The cell of a layer that holds the same place as a cell of the last layer: that of its centre.
 *
 * @returns number of the cell, row-major
 */
export function cellAt(
  [row, column]: readonly [number, number],
  last: { readonly rows: number; readonly columns: number },
  { rows, columns }: { readonly rows: number; readonly columns: number },
): number {
  const y = Math.floor(((row + 0.5) / last.rows) * rows);
  const x = Math.floor(((column + 0.5) / last.columns) * columns);
  return y * columns + x;
}
