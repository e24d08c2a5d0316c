/** The Vision Transformer (Dosovitskiy et al., 2021; Zhai et al., 2022), written like its paper. Facts: papers.md 1. */
import { add, cast, expand, type GeluForm, reduceMean, reshape, sliceAxis, type Tensor, tanh } from "../graph/index.js";
import {
  dense,
  dropout,
  layerNorm,
  mlpBlock,
  multiHeadAttention,
  type Scope,
  stochasticDepth,
  stochasticDepthRate,
  xavierUniform,
} from "../nn/index.js";
import { classifierHead } from "./head.js";
import { patchEmbedding, type Stem, stemFeatures } from "./stems.js";
import {
  attentionBias,
  type Grid,
  type PositionEmbedding,
  type PositionLayers,
  withLayerPositions,
  withPositions,
} from "./vit-positions.js";

export type Pooling = "tok" | "gap" | "map" | "none";

export interface ViTConfig {
  /** The network applied to the image before it is cut into patches. */
  readonly stem: Stem;
  /** Side of the square patches, in pixels of the image or of the stem's map; trailing pixels that do not fill a patch are ignored. */
  readonly patchSize: number;
  readonly width: number;
  readonly depth: number;
  readonly heads: number;
  readonly mlpDim: number;
  /** Number of classes of the head; 0 removes the head. */
  readonly classes: number;
  readonly pooling: Pooling;
  /**
   * Apply the last norm to every token before pooling (the original), or to their mean (timm's `fc_norm`; pooling `gap` only). These are
   * different functions (papers.md 1.5).
   */
  readonly poolNorm: "before" | "after";
  readonly posEmbedding: PositionEmbedding;
  readonly posEmbeddingLayers: PositionLayers;
  /** Prepend the class token before (original, AugReg) or after (big_vision today) the position embedding is added. */
  readonly classTokenOrder: "before" | "after";
  /** Width of the tanh layer before the head; `true` for the model's width, `false` for none. */
  readonly preLogits: boolean | number;
  readonly dropout: number;
  /** Dropout rate on the features before the head (timm's `drop_rate`). Default: 0. */
  readonly headDropout?: number;
  /** Drop probability of the last block's branches; it rises linearly from 0 at the first block. */
  readonly stochasticDepth: number;
  /** Divide kept branches by their probability (timm) or not (big_vision). */
  readonly stochasticDepthRescale: boolean;
  readonly gelu: GeluForm;
  readonly layerNormEpsilon: number;
  readonly headBiasInit: number;
  /** Recompute each encoder block in the backward pass instead of keeping its intermediates. */
  readonly rematerialise: boolean;
}

/** The published defaults: gap pooling and a learned embedding as in big_vision, tanh GELU, epsilon 1e-6. */
export const vitDefaults = {
  stem: { kind: "patch" },
  classes: 1000,
  pooling: "gap",
  poolNorm: "before",
  posEmbedding: "learn",
  posEmbeddingLayers: "input",
  classTokenOrder: "before",
  preLogits: false,
  dropout: 0,
  stochasticDepth: 0,
  stochasticDepthRescale: true,
  gelu: "tanh",
  layerNormEpsilon: 1e-6,
  headBiasInit: 0,
  rematerialise: false,
} as const satisfies Partial<ViTConfig>;

export interface ViTOutput {
  /** Features: [N, d], with the width of the pre-logits layer if there is one; [N, tokens, d] without pooling. */
  readonly preLogits: Tensor;
  /** [N, classes], or [N, tokens, classes] without pooling; undefined without a head. */
  readonly logits: Tensor | undefined;
  /** Patch tokens after the final norm (before it, if it follows the mean), without the class token, row-major: [N, rows * columns, d]. */
  readonly patches: Tensor;
  readonly grid: Grid;
  /**
   * All intermediates by name (t: number of tokens including the class token):
   * - `stem` [N, rows * columns, d] (and the records of the stem's own networks), `withPositions` [N, t, d];
   * - in `Transformer/encoderblock_{l}/`: `attention` and `mlp` [N, t, d] (the branches before the addition),
   *   `afterAttention` and `output` [N, t, d], `withPositions` if positions are added there, `MultiHeadDotProductAttention_0/attentionWeights` [N, heads, t, t];
   * - `encoded` [N, t, d] (after the final norm, unless that follows the mean), `headInput` (pooled), `preLogits`, `logits`;
   * - with attention pooling `MAPHead_0/MultiHeadDotProductAttention_0/attentionWeights` [N, heads, 1, t].
   */
  readonly intermediates: Readonly<Record<string, Tensor>>;
}

/**
 * Applies the network to images [N, H, W, C] scaled to [-1, 1]. Throws ShapeError if the image is smaller than a patch or the width is not
 * divisible by the heads. Throws RangeError if the width does not suit the position embedding, or if the norm follows another pooling than
 * the mean. `corrupt` changes the tokens [N, rows * columns, d] before positions are added (masked patch prediction).
 */
export function vit(
  scope: Scope,
  image: Tensor,
  config: ViTConfig,
  corrupt: (tokens: Tensor) => Tensor = (tokens) => tokens,
): ViTOutput {
  const normLast = config.poolNorm === "after";
  if (normLast && config.pooling !== "gap") {
    throw new RangeError(`poolNorm "after" needs pooling "gap" (timm's fc_norm); got "${config.pooling}"`);
  }
  const features = stemFeatures(scope, image, config.stem, config.rematerialise);
  const { tokens, rows, columns } = patchEmbedding(scope.at("embedding"), features, config);
  const grid = { rows, columns };
  scope.name("stem", tokens);
  let x = dropout(scope, withPositions(scope, corrupt(tokens), grid, config), config.dropout);
  scope.name("withPositions", x);
  const encoder = scope.at("Transformer");
  for (let l = 0; l < config.depth; l++) {
    const name = `encoderblock_${l}`;
    const drop = stochasticDepthRate(config.stochasticDepth, l, config.depth);
    const bias = attentionBias(scope, encoder.at(name).at("MultiHeadDotProductAttention_0"), config);
    x = encoder.block(name, x, config.rematerialise, (block, x) =>
      encoderBlock(block, withLayerPositions(scope, block, x, l, grid, config), config, drop, bias),
    );
  }
  if (!normLast) x = layerNorm(encoder.at("encoder_norm"), x, config.layerNormEpsilon);
  scope.name("encoded", x);
  const hasClassToken = config.pooling === "tok";
  const patches = hasClassToken ? sliceAxis(x, 1, 1, x.shape[1]!) : x;
  let pooled = pool(scope, x, config);
  if (normLast) pooled = layerNorm(scope.at("fc_norm"), pooled, config.layerNormEpsilon);
  scope.name("headInput", pooled);
  if (config.preLogits !== false) {
    const width = config.preLogits === true ? config.width : config.preLogits;
    pooled = tanh(dense(scope.at("pre_logits"), pooled, width));
  }
  scope.name("preLogits", pooled);
  const logits = classifierHead(scope, pooled, config);
  return { preLogits: pooled, logits, patches, grid, intermediates: scope.intermediates };
}

/** x + attention(norm x), then x + mlp(norm x). */
function encoderBlock(
  scope: Scope,
  x: Tensor,
  config: ViTConfig,
  drop: number,
  bias: ((query: Tensor) => Tensor) | undefined,
): Tensor {
  const residual = (branch: Tensor) =>
    stochasticDepth(scope, dropout(scope, branch, config.dropout), drop, config.stochasticDepthRescale);
  const normed = layerNorm(scope.at("LayerNorm_0"), x, config.layerNormEpsilon);
  const attended = multiHeadAttention(scope.at("MultiHeadDotProductAttention_0"), normed, config.heads, normed, bias);
  scope.name("attention", attended);
  const afterAttention = scope.name("afterAttention", add(x, residual(attended)));
  const hidden = mlpBlock(
    scope.at("MlpBlock_0"),
    layerNorm(scope.at("LayerNorm_1"), afterAttention, config.layerNormEpsilon),
    {
      hidden: config.mlpDim,
      gelu: config.gelu,
      dropout: config.dropout,
    },
  );
  scope.name("mlp", hidden);
  return add(afterAttention, residual(hidden));
}

/** Pools tokens [N, t, d] to [N, d] (unchanged for `none`). */
function pool(scope: Scope, x: Tensor, config: ViTConfig): Tensor {
  const [n, , width] = x.shape as [number, number, number];
  if (config.pooling === "none") return x;
  if (config.pooling === "tok") return reshape(sliceAxis(x, 1, 0, 1), [n, width]);
  if (config.pooling === "gap") return reduceMean(x, 1);
  return mapHead(scope.at("MAPHead_0"), x, config);
}

/** Multi-head attention pooling: a learned probe attends to the tokens, and a residual MLP follows (papers.md 1.5). */
function mapHead(scope: Scope, x: Tensor, config: ViTConfig): Tensor {
  const [n, , width] = x.shape as [number, number, number];
  const learned = cast(scope.parameter("probe", [1, 1, width], xavierUniform(1, width)), x.dtype);
  const probe = expand(learned, [n, 1, width]);
  const attended = multiHeadAttention(scope.at("MultiHeadDotProductAttention_0"), probe, config.heads, x);
  const normed = layerNorm(scope.at("LayerNorm_0"), attended, config.layerNormEpsilon);
  const hidden = mlpBlock(scope.at("MlpBlock_0"), normed, { hidden: config.mlpDim, gelu: config.gelu, dropout: 0 });
  return reshape(add(attended, hidden), [n, width]);
}
