/**
 * Position embeddings of a Vision Transformer, from appendix D.4 of the ViT paper (papers.md 1.1, 1.7, 9.5), and the position of the class
 * token.
 */
import { add, cast, concat, constant, expand, sliceAxis, type Tensor } from "../graph/index.js";
import { type Initializer, learned2d, normal, relativeScores, type Scope, sincos2dTensor, zeros } from "../nn/index.js";

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

export interface PositionConfig extends PrefixConfig {
  readonly heads: number;
  readonly posEmbedding: PositionEmbedding;
  readonly posEmbeddingLayers: PositionLayers;
  readonly classTokenOrder: "before" | "after";
}

export interface Grid {
  readonly rows: number;
  readonly columns: number;
}

/** Settings that determine the tokens before those of the patches. */
export interface PrefixConfig {
  readonly pooling: string;
  /** Whether there is a class token. Default: only where it is pooled (pooling `tok`). */
  readonly classToken?: boolean | undefined;
  /** Number of register tokens. Default: 0. */
  readonly registers?: number | undefined;
}

export const hasClassToken = ({ pooling, classToken = pooling === "tok" }: PrefixConfig): boolean => classToken;

/** Number of tokens before those of the patches: the class token, then the registers. */
export const prefixTokens = (config: PrefixConfig): number => (hasClassToken(config) ? 1 : 0) + (config.registers ?? 0);

/** Whether the class token has a row in the table. This is so only in the 1-D table of the original order; otherwise it gets no embedding. */
export const classTokenHasRow = (
  config: PrefixConfig & Pick<PositionConfig, "posEmbedding" | "classTokenOrder">,
): boolean => hasClassToken(config) && config.posEmbedding === "learn" && config.classTokenOrder === "before";

/** Deviation of the registers' initial values (timm and DINOv2). */
const registerDeviation = 1e-6;

/**
 * Tokens [N, rows * columns, d] with the input's position embedding added, behind the class token and the registers. Throws RangeError for registers
 * with positions that are relative or in every layer, which no published network has.
 */
export function withPositions(scope: Scope, tokens: Tensor, grid: Grid, config: PositionConfig): Tensor {
  const [n, patches, width] = tokens.shape as [number, number, number];
  const { registers = 0 } = config;
  if (registers > 0 && (config.posEmbedding === "relative" || config.posEmbeddingLayers !== "input")) {
    throw new RangeError("registers need position embeddings that are added to the input, or none");
  }
  const prefix = (name: string, count: number, initializer: Initializer) =>
    expand(cast(scope.parameter(name, [1, count, width], initializer), tokens.dtype), [n, count, width]);
  const classToken = () => (hasClassToken(config) ? [prefix("cls", 1, zeros)] : []);
  const registerTokens = () => (registers > 0 ? [prefix("registers", registers, normal(registerDeviation))] : []);
  const joined = (parts: readonly Tensor[]) => (parts.length > 1 ? concat(parts, 1) : parts[0]!);
  const added = (x: Tensor, name: string) => {
    const table = tableOf(scope, name, width, grid, config, x);
    return table ? add(x, table) : x;
  };
  if (!classTokenHasRow(config)) {
    // parameters are listed in the order of their first use: the table before the token
    const patchTokens = added(tokens, "pos_embedding");
    return joined([...classToken(), ...registerTokens(), patchTokens]);
  }
  const x = added(joined([...classToken(), tokens]), originalName);
  if (registers === 0) return x;
  return joined([sliceAxis(x, 1, 0, 1), ...registerTokens(), sliceAxis(x, 1, 1, 1 + patches)]);
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
  return (query) => relativeScores(own, query, { classToken: hasClassToken(config) });
}
