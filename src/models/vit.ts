/**
 * The Vision Transformer (Dosovitskiy et al., 2021; Zhai et al., 2022), written like its paper, with the options of its successors: DeiT III, CLIP,
 * SigLIP, DINOv2, DINOv3, EVA-02, PE, AIMv2. Facts: papers.md 1 and 14.
 */
import { add, cast, expand, type GeluForm, reduceMean, reshape, sliceAxis, type Tensor, tanh } from "../graph/index.js";
import {
  type AttentionOptions,
  classifierHead,
  dense,
  dropout,
  layerNorm,
  layerScale,
  mlpBlock,
  multiHeadAttention,
  type RotaryEmbedding,
  rmsNorm,
  rotate,
  type Scope,
  stochasticDepth,
  stochasticDepthRate,
  swiGlu,
  xavierUniform,
} from "../nn/index.js";
import { patchEmbedding, type Stem, stemFeatures } from "./stems.js";
import {
  attentionBias,
  type Grid,
  hasClassToken,
  type PositionEmbedding,
  type PositionLayers,
  prefixTokens,
  withLayerPositions,
  withPositions,
} from "./vit-positions.js";

/** `tok` takes the class token, `gap` the mean over the patches, `map` pools all tokens by attention, `none` returns all tokens. */
export type Pooling = "tok" | "gap" | "map" | "none";

/** Layers that may lack a bias: the projections of attention, both layers of the MLPs, the patch embedding. */
export type BiasPart = "query" | "key" | "value" | "out" | "mlp" | "patch";

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
  /** Whether there is a class token. Default: only where it is pooled (pooling `tok`). */
  readonly classToken?: boolean;
  /** Number of register tokens, learned tokens without a position that are not pooled (Darcet et al., 2024, arXiv:2309.16588). Default: 0. */
  readonly registers?: number;
  /** Rotary embedding of the patches in the attention of every block, besides `posEmbedding`. Default: none. */
  readonly rotary?: RotaryEmbedding;
  /** `rms` replaces every layer norm by the root mean square norm (AIMv2); `layerNormEpsilon` is then its epsilon. Default: layer. */
  readonly norm?: "layer" | "rms";
  /** Norm before the blocks: of the `patches` before positions are added (AIMv2), or of all `tokens` after that (CLIP, PE). Default: none. */
  readonly inputNorm?: "none" | "patches" | "tokens";
  /** Norms inside the branches (EVA-02): of the attended values before the output projection, of the hidden layer of the MLP. Default: none. */
  readonly innerNorms?: readonly ("attention" | "mlp")[];
  /** Initial value of the learned factors of both branches (LayerScale; Touvron et al., 2021, arXiv:2103.17239). Default: no factors. */
  readonly layerScale?: number;
  /** `swiglu` replaces the MLPs of the blocks by gated ones of hidden width `mlpDim` (Shazeer, 2020). Default: gelu. */
  readonly mlp?: "gelu" | "swiglu";
  /** Layers without a bias. Default: none. */
  readonly withoutBias?: readonly BiasPart[];
  /** Heads of attention pooling. Default: `heads`. */
  readonly poolHeads?: number;
  /** Width of a linear projection of the pooled features without bias (CLIP, PE). Default: none. */
  readonly projection?: number;
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

/** Whether a network has none of the options that the Vision Transformer's successors added; layouts of the original can then store it. */
export function isPlainViT(config: ViTConfig): boolean {
  const { registers = 0, norm = "layer", inputNorm = "none", innerNorms = [], mlp = "gelu", withoutBias = [] } = config;
  const { heads, poolHeads = heads, pooling } = config;
  return (
    registers === 0 &&
    norm === "layer" &&
    inputNorm === "none" &&
    mlp === "gelu" &&
    config.gelu !== "quick" &&
    [...innerNorms, ...withoutBias].length === 0 &&
    [config.rotary, config.layerScale, config.projection].every((option) => option === undefined) &&
    poolHeads === heads &&
    hasClassToken(config) === (pooling === "tok")
  );
}

export interface ViTOutput {
  /** Features: [N, d], with the width of the pre-logits layer if there is one; [N, tokens, d] without pooling. */
  readonly preLogits: Tensor;
  /** [N, classes], or [N, tokens, classes] without pooling; undefined without a head. */
  readonly logits: Tensor | undefined;
  /** Patch tokens after the final norm (before it, if it follows the mean), without class token and registers, row-major: [N, rows * columns, d]. */
  readonly patches: Tensor;
  readonly grid: Grid;
  /**
   * All intermediates by name (t: number of tokens including the class token and the registers):
   * - `stem` [N, rows * columns, d] (and the records of the stem's own networks), `withPositions` [N, t, d];
   * - in `Transformer/encoderblock_{l}/`: `attention` and `mlp` [N, t, d] (the branches before the addition),
   *   `afterAttention` and `output` [N, t, d], `withPositions` if positions are added there, `MultiHeadDotProductAttention_0/attentionWeights` [N, heads, t, t];
   * - `encoded` [N, t, d] (after the final norm, unless that follows the mean), `headInput` (pooled), `projected`, `preLogits`, `logits`;
   * - with attention pooling `MAPHead_0/MultiHeadDotProductAttention_0/attentionWeights` [N, heads, 1, t].
   */
  readonly intermediates: Readonly<Record<string, Tensor>>;
}

/**
 * Applies the network to images [N, H, W, C] scaled to [-1, 1]. Throws ShapeError if the image is smaller than a patch or the width is not
 * divisible by the heads. Throws RangeError if the width does not suit the position embedding, if the norm follows another pooling than the mean, or
 * if the class token is pooled and there is none. `corrupt` changes the tokens [N, rows * columns, d] before positions are added (masked patch prediction).
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
  if (config.pooling === "tok" && config.classToken === false) {
    throw new RangeError('pooling "tok" needs a class token; set classToken to true, or pool by "gap" or "map"');
  }
  const features = stemFeatures(scope, image, config.stem, config.rematerialise);
  const bias = !config.withoutBias?.includes("patch");
  const { tokens, rows, columns } = patchEmbedding(scope.at("embedding"), features, { ...config, bias });
  const grid = { rows, columns };
  scope.name("stem", tokens);
  const encoder = scope.at("Transformer");
  const patchTokens = config.inputNorm === "patches" ? norm(scope.at("embedding_norm"), tokens, config) : tokens;
  let x = dropout(scope, withPositions(scope, corrupt(patchTokens), grid, config), config.dropout);
  scope.name("withPositions", x);
  if (config.inputNorm === "tokens") x = norm(encoder.at("input_norm"), x, config);
  const prefix = prefixTokens(config);
  const rotary = config.rotary;
  const rotateTokens = rotary && ((y: Tensor) => rotate(y, rotary, rows, columns, prefix));
  for (let l = 0; l < config.depth; l++) {
    const name = `encoderblock_${l}`;
    const drop = stochasticDepthRate(config.stochasticDepth, l, config.depth);
    const positions = {
      bias: attentionBias(scope, encoder.at(name).at("MultiHeadDotProductAttention_0"), config),
      rotate: rotateTokens,
    };
    x = encoder.block(name, x, config.rematerialise, (block, x) =>
      encoderBlock(block, withLayerPositions(scope, block, x, l, grid, config), config, drop, positions),
    );
  }
  if (!normLast) x = norm(encoder.at("encoder_norm"), x, config);
  scope.name("encoded", x);
  const patches = prefix > 0 ? sliceAxis(x, 1, prefix, x.shape[1]!) : x;
  let pooled = pool(scope, x, patches, config);
  if (normLast) pooled = norm(scope.at("fc_norm"), pooled, config);
  scope.name("headInput", pooled);
  if (config.projection !== undefined) {
    pooled = scope.name("projected", dense(scope.at("projection"), pooled, config.projection, { bias: false }));
  }
  if (config.preLogits !== false) {
    const width = config.preLogits === true ? config.width : config.preLogits;
    pooled = tanh(dense(scope.at("pre_logits"), pooled, width));
  }
  scope.name("preLogits", pooled);
  const logits = classifierHead(scope, pooled, config);
  return { preLogits: pooled, logits, patches, grid, intermediates: scope.intermediates };
}

type NormConfig = Pick<ViTConfig, "norm" | "layerNormEpsilon">;

const norm = (scope: Scope, x: Tensor, config: NormConfig): Tensor =>
  config.norm === "rms" ? rmsNorm(scope, x, config.layerNormEpsilon) : layerNorm(scope, x, config.layerNormEpsilon);

/** x + attention(norm x), then x + mlp(norm x); with LayerScale, each branch is multiplied by learned factors. */
function encoderBlock(
  scope: Scope,
  x: Tensor,
  config: ViTConfig,
  drop: number,
  positions: Pick<AttentionOptions, "bias" | "rotate">,
): Tensor {
  const residual = (branch: Tensor, name: string) => {
    const scaled = config.layerScale === undefined ? branch : layerScale(scope.at(name), branch, config.layerScale);
    return stochasticDepth(scope, dropout(scope, scaled, config.dropout), drop, config.stochasticDepthRescale);
  };
  const attended = attention(
    scope.at("MultiHeadDotProductAttention_0"),
    norm(scope.at("LayerNorm_0"), x, config),
    config,
    positions,
  );
  scope.name("attention", attended);
  const afterAttention = scope.name("afterAttention", add(x, residual(attended, "LayerScale_0")));
  const hidden = mlp(scope, norm(scope.at("LayerNorm_1"), afterAttention, config), config);
  scope.name("mlp", hidden);
  return add(afterAttention, residual(hidden, "LayerScale_1"));
}

const attentionParts = ["query", "key", "value", "out"] as const;

function attention(
  scope: Scope,
  x: Tensor,
  config: ViTConfig,
  positions: Pick<AttentionOptions, "bias" | "rotate">,
): Tensor {
  const { heads, withoutBias = [], innerNorms = [] } = config;
  return multiHeadAttention(scope, x, {
    ...positions,
    heads,
    withoutBias: attentionParts.filter((part) => withoutBias.includes(part)),
    norm: innerNorms.includes("attention") ? (y) => norm(scope.at("norm"), y, config) : undefined,
  });
}

/** The MLP of a block: dense, GELU, dense, or gated. */
function mlp(scope: Scope, x: Tensor, config: ViTConfig): Tensor {
  const inner = scope.at(config.mlp === "swiglu" ? "SwiGLU_0" : "MlpBlock_0");
  const options = {
    hidden: config.mlpDim,
    dropout: config.dropout,
    bias: !config.withoutBias?.includes("mlp"),
    norm: config.innerNorms?.includes("mlp") ? (y: Tensor) => norm(inner.at("norm"), y, config) : undefined,
  };
  return config.mlp === "swiglu" ? swiGlu(inner, x, options) : mlpBlock(inner, x, { ...options, gelu: config.gelu });
}

/** Pools tokens [N, t, d], of which the last are the `patches`, to [N, d] (unchanged for `none`). */
function pool(scope: Scope, x: Tensor, patches: Tensor, config: ViTConfig): Tensor {
  const [n, , width] = x.shape as [number, number, number];
  if (config.pooling === "none") return x;
  if (config.pooling === "tok") return reshape(sliceAxis(x, 1, 0, 1), [n, width]);
  if (config.pooling === "gap") return reduceMean(patches, 1);
  return mapHead(scope.at("MAPHead_0"), x, config);
}

/** Multi-head attention pooling: a learned probe attends to the tokens, and a residual MLP follows (papers.md 1.5). */
function mapHead(scope: Scope, x: Tensor, config: ViTConfig): Tensor {
  const [n, , width] = x.shape as [number, number, number];
  const learned = cast(scope.parameter("probe", [1, 1, width], xavierUniform(1, width)), x.dtype);
  const probe = expand(learned, [n, 1, width]);
  const heads = config.poolHeads ?? config.heads;
  const attended = multiHeadAttention(scope.at("MultiHeadDotProductAttention_0"), probe, { heads, memory: x });
  const normed = norm(scope.at("LayerNorm_0"), attended, config);
  const hidden = mlpBlock(scope.at("MlpBlock_0"), normed, { hidden: config.mlpDim, gelu: config.gelu, dropout: 0 });
  return reshape(add(attended, hidden), [n, width]);
}
