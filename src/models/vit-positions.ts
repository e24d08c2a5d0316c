/**
 * Position embeddings of a Vision Transformer, from appendix D.4 of the ViT paper (papers.md 1.1, 1.7, 9.5), and the position of the class
 * token.
 */
import { add, cast, concat, constant, expand, type Tensor } from "../graph/index.js";
import { learned2d, normal, relativeScores, type Scope, sincos2dTensor, zeros } from "../nn/index.js";

/**
 * - `learn`: a learned table with one row for each token;
 * - `learn2d`: learned tables of rows and columns, each of half the width;
 * - `relative`: a term in the attention of every block by the offset of the patches (`relativeScores`), nothing added to the tokens;
 * - `sincos2d`: fixed;
 * - `none`.
 */
export type PositionEmbedding = "learn" | "learn2d" | "relative" | "sincos2d" | "none";

/**
 * Where the embedding is added: to the `input` of the first block, or to the input of every block, with one table for each (`everyLayer`) or
 * a shared one (`everyLayerShared`). Relative embeddings are always in every block: each has its own table unless they are shared.
 */
export type PositionLayers = "input" | "everyLayer" | "everyLayerShared";

export interface PositionConfig {
  readonly heads: number;
  readonly pooling: string;
  readonly posEmbedding: PositionEmbedding;
  readonly posEmbeddingLayers: PositionLayers;
  readonly classTokenOrder: "before" | "after";
}

export interface Grid {
  readonly rows: number;
  readonly columns: number;
}

/** Whether the class token has a row in the table. This is so only in the 1-D table of the original order; otherwise it gets no embedding. */
const classTokenHasRow = ({ pooling, posEmbedding, classTokenOrder }: PositionConfig): boolean =>
  pooling === "tok" && posEmbedding === "learn" && classTokenOrder === "before";

/** Tokens [N, rows * columns, d] with the class token, if any, prepended and the input's position embedding added. */
export function withPositions(scope: Scope, tokens: Tensor, grid: Grid, config: PositionConfig): Tensor {
  const [n, , width] = tokens.shape as [number, number, number];
  const classToken = (x: Tensor) => cast(scope.parameter("cls", [1, 1, width], zeros), x.dtype);
  const joined = (x: Tensor) => (config.pooling === "tok" ? concat([expand(classToken(x), [n, 1, width]), x], 1) : x);
  const added = (x: Tensor, name: string) => {
    const table = tableOf(scope, name, width, grid, config, x);
    return table ? add(x, table) : x;
  };
  return classTokenHasRow(config) ? added(joined(tokens), originalName) : joined(added(tokens, "pos_embedding"));
}

/** Name of the table in the original layout (papers.md 1.9), in which the class token has a row. */
const originalName = "Transformer/posembed_input/pos_embedding";

/** Adds the position embedding of block `layer` to its input [N, t, d]; the first block is handled by `withPositions`. */
export function withLayerPositions(
  scope: Scope,
  block: Scope,
  x: Tensor,
  layer: number,
  grid: Grid,
  config: PositionConfig,
): Tensor {
  if (layer === 0 || config.posEmbeddingLayers === "input") return x;
  const shared = config.posEmbeddingLayers === "everyLayerShared";
  const name = shared && classTokenHasRow(config) ? originalName : "pos_embedding";
  const width = x.shape[2]!;
  const table = tableOf(shared ? scope : block, name, width, grid, config, x);
  if (!table) return x;
  const lacksRow = table.shape[1] !== x.shape[1];
  const whole = lacksRow ? concat([constant(new Float32Array(width), [1, 1, width], x.dtype), table], 1) : table;
  return block.name("withPositions", add(x, whole));
}

/** The embedding [1, tokens, d] to add to tokens; undefined if there is none. */
function tableOf(
  scope: Scope,
  name: string,
  width: number,
  { rows, columns }: Grid,
  config: PositionConfig,
  like: Tensor,
): Tensor | undefined {
  if (config.posEmbedding === "sincos2d") return sincos2dTensor(rows, columns, width, like.dtype);
  if (config.posEmbedding === "learn2d") return cast(learned2d(scope, rows, columns, width), like.dtype);
  if (config.posEmbedding !== "learn") return undefined;
  const count = rows * columns + (classTokenHasRow(config) ? 1 : 0);
  return cast(scope.parameter(name, [1, count, width], normal(1 / Math.sqrt(width))), like.dtype);
}

/** Term added to the attention scores of a block; undefined if there is none. `scope` is the root, `attention` the block's scope. */
export function attentionBias(
  scope: Scope,
  attention: Scope,
  config: PositionConfig,
): ((query: Tensor) => Tensor) | undefined {
  if (config.posEmbedding !== "relative") return undefined;
  const own = config.posEmbeddingLayers === "everyLayerShared" ? scope.at("Transformer") : attention;
  return (query) => relativeScores(own, query, { classToken: config.pooling === "tok" });
}
