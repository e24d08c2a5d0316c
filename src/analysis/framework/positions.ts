/** Position embeddings of a Vision Transformer as one vector for each patch, without the class token's. */
import { sincos2d } from "../../nn/index.js";
import { type PatchGrid, patchGrid } from "../../weights/index.js";
import type { Subject } from "./subject.js";

/** The embedding of every patch of a grid. */
export interface Positions {
  /** `learn`: a table; `learn2d`: tables of rows and columns; `sincos2d`: fixed. */
  readonly kind: "learn" | "learn2d" | "sincos2d";
  readonly grid: PatchGrid;
  readonly width: number;
  /** [rows * columns, width], row-major. */
  readonly table: Float32Array;
  /** The block at whose input it is added; 0 is the first. */
  readonly layer: number;
}

/** The position embedding that is added at a block; undefined where none is (see `withoutPositions`). `layer` is 0 for networks that add it once. */
export function positionsOf({ config, imageShape, network, parameter }: Subject, layer = 0): Positions | undefined {
  if (config.family !== "vit") return undefined;
  const { posEmbedding: kind, width } = config;
  const grid = patchGrid(config, { height: imageShape[0], width: imageShape[1] });
  if (!grid || kind === "none" || kind === "relative") return undefined;
  const at = config.posEmbeddingLayers === "everyLayer" ? layer : 0;
  if (kind === "sincos2d") {
    return { kind, grid, width, layer: at, table: sincos2d(grid.rows, grid.columns, width) };
  }
  const prefix = at === 0 ? "" : `Transformer/encoderblock_${at}/`;
  if (kind === "learn2d") {
    const [x, y] = [parameter(`${prefix}pos_embedding_x`).data, parameter(`${prefix}pos_embedding_y`).data];
    return { kind, grid, width, layer: at, table: joined(x, y, grid, width) };
  }
  const original = "Transformer/posembed_input/pos_embedding";
  const name = at === 0 && network.tensors.has(original) ? original : `${prefix}pos_embedding`;
  const { data } = parameter(name);
  const patches = grid.rows * grid.columns;
  return { kind, grid, width, layer: at, table: data.slice(data.length - patches * width) };
}

/** The table [rows * columns, width] of tables of columns x [columns, width / 2] and of rows y [rows, width / 2]: x first (papers.md 9.5). */
export function joined(x: Float32Array, y: Float32Array, { rows, columns }: PatchGrid, width: number): Float32Array {
  const half = width / 2;
  const table = new Float32Array(rows * columns * width);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const start = (row * columns + column) * width;
      table.set(x.subarray(column * half, (column + 1) * half), start);
      table.set(y.subarray(row * half, (row + 1) * half), start + half);
    }
  }
  return table;
}

/** Says what a network without vectors of positions has instead. */
export function withoutPositions({ config }: Subject): string {
  if (config.family === "resnet") return "a ResNet has no position embedding: its convolutions see neighbours together";
  if (config.family === "mobilenet")
    return "a MobileNet has no position embedding: its convolutions see neighbours together";
  if (config.family === "mixer")
    return "an MLP-Mixer has no position embedding: its token-mixing weights differ from patch to patch";
  if (config.family === "custom") return "it is a user-defined model, whose position embeddings are not known";
  return config.posEmbedding === "relative"
    ? "its position embedding is relative: a term in the attention scores for each offset, and no vector for each position"
    : 'it has no position embedding (posEmbedding "none")';
}
