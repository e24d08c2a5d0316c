// The Vision Transformer (Dosovitskiy et al., 2021; Zhai et al., 2022), read like its paper. Facts: papers.md 1.
import {
  add,
  concat,
  constant,
  describe,
  expand,
  type GeluForm,
  linear,
  reduceMean,
  rematerialise,
  reshape,
  ShapeError,
  slice,
  sliceAxis,
  type Tensor,
  tanh,
  transpose,
} from "../graph/index.js";
import {
  dense,
  dropout,
  filledWith,
  layerNorm,
  lecunNormal,
  mlpBlock,
  multiHeadAttention,
  normal,
  type Scope,
  sincos2dTensor,
  stochasticDepth,
  xavierUniform,
  zeros,
} from "../nn/index.js";

export type Pooling = "tok" | "gap" | "map" | "none";
export type PositionEmbedding = "learn" | "sincos2d" | "none";

export interface ViTConfig {
  /** Side of the square patches, in pixels; trailing pixels that fill no patch are ignored. */
  readonly patchSize: number;
  readonly width: number;
  readonly depth: number;
  readonly heads: number;
  readonly mlpDim: number;
  /** Classes of the head; 0 leaves the head away. */
  readonly classes: number;
  readonly pooling: Pooling;
  readonly posEmbedding: PositionEmbedding;
  /** Is the class token joined before (original, AugReg) or after (big_vision today) the position embedding is added? */
  readonly classTokenOrder: "before" | "after";
  /** Width of the tanh layer before the head; `true` for the model's width, `false` for none. */
  readonly preLogits: boolean | number;
  readonly dropout: number;
  /** Drop probability of the last block's branches; it rises linearly from 0 at the first. */
  readonly stochasticDepth: number;
  /** Divide kept branches by their probability (timm) or not (big_vision). */
  readonly stochasticDepthRescale: boolean;
  readonly gelu: GeluForm;
  readonly layerNormEpsilon: number;
  readonly headBiasInit: number;
  /** Compute each encoder block again in the backward pass instead of keeping its intermediates. */
  readonly rematerialise: boolean;
}

/** The published defaults: gap pooling and a learned embedding as big_vision has them, tanh GELU, epsilon 1e-6. */
export const vitDefaults = {
  classes: 1000,
  pooling: "gap",
  posEmbedding: "learn",
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
  /** The representation: [N, d], as wide as the pre-logits layer where there is one; [N, tokens, d] without pooling. */
  readonly preLogits: Tensor;
  /** [N, classes], or [N, tokens, classes] without pooling; undefined without a head. */
  readonly logits: Tensor | undefined;
  /** Tokens after the final norm, without the class token, row by row of the grid: [N, rows * columns, d]. */
  readonly patches: Tensor;
  readonly grid: { readonly rows: number; readonly columns: number };
  /**
   * Every intermediate by name (t: tokens, the class token included):
   * - `stem` [N, rows * columns, d], `withPositions` [N, t, d];
   * - below `Transformer/encoderblock_{l}/`: `attention` and `mlp` [N, t, d] (the branches before they are added),
   *   `afterAttention` and `output` [N, t, d], `MultiHeadDotProductAttention_0/attentionWeights` [N, heads, t, t];
   * - `encoded` [N, t, d] (after the final norm), `headInput` (pooled), `preLogits`, `logits`;
   * - with attention pooling `MAPHead_0/MultiHeadDotProductAttention_0/attentionWeights` [N, heads, 1, t].
   */
  readonly intermediates: Readonly<Record<string, Tensor>>;
}

/**
 * The logits and intermediates of images [N, H, W, C] scaled to [-1, 1]. Throws ShapeError when the image is smaller
 * than a patch or the width does not divide into heads.
 */
export function vit(scope: Scope, image: Tensor, config: ViTConfig): ViTOutput {
  const { tokens, rows, columns } = embedPatches(scope.at("embedding"), image, config);
  scope.name("stem", tokens);
  let x = scope.name("withPositions", withPositions(scope, tokens, rows, columns, config));
  const encoder = scope.at("Transformer");
  for (let l = 0; l < config.depth; l++) {
    const block = encoder.at(`encoderblock_${l}`);
    const drop = (config.stochasticDepth * l) / Math.max(config.depth - 1, 1);
    const body = () => encoderBlock(block, x, config, drop);
    x = block.name("output", config.rematerialise ? rematerialise(body) : body());
  }
  x = scope.name("encoded", layerNorm(encoder.at("encoder_norm"), x, config.layerNormEpsilon));
  const hasClassToken = config.pooling === "tok";
  const patches = hasClassToken ? sliceAxis(x, 1, 1, x.shape[1]!) : x;
  let pooled = scope.name("headInput", pool(scope, x, config));
  if (config.preLogits !== false) {
    const width = config.preLogits === true ? config.width : config.preLogits;
    pooled = tanh(dense(scope.at("pre_logits"), pooled, width));
  }
  scope.name("preLogits", pooled);
  const logits = config.classes > 0 ? scope.name("logits", head(scope.at("head"), pooled, config)) : undefined;
  return { preLogits: pooled, logits, patches, grid: { rows, columns }, intermediates: scope.intermediates };
}

/** A convolution with kernel and stride of the patch side, as a product over flattened patches: [N, rows * columns, d]. */
function embedPatches(scope: Scope, image: Tensor, { patchSize: p, width }: ViTConfig) {
  const [n, height, imageWidth, channels] = image.shape as [number, number, number, number];
  const rows = Math.floor(height / p);
  const columns = Math.floor(imageWidth / p);
  if (image.shape.length !== 4 || rows < 1 || columns < 1) {
    throw new ShapeError(
      `vit: images ${describe(image)} must be [N, H, W, C] with sides of at least one patch of ${p}`,
    );
  }
  const whole = slice(image, [0, 0, 0, 0], [n, rows * p, columns * p, channels]);
  const cut = transpose(reshape(whole, [n, rows, p, columns, p * channels]), [0, 1, 3, 2, 4]);
  const fanIn = p * p * channels;
  const kernel = scope.parameter("kernel", [p, p, channels, width], lecunNormal(fanIn));
  const bias = scope.parameter("bias", [width], zeros);
  const flat = linear(reshape(cut, [n * rows * columns, fanIn]), reshape(kernel, [fanIn, width]), bias);
  return { tokens: reshape(flat, [n, rows * columns, width]), rows, columns };
}

function withPositions(scope: Scope, tokens: Tensor, rows: number, columns: number, config: ViTConfig): Tensor {
  const [n, count, width] = tokens.shape as [number, number, number];
  const hasClassToken = config.pooling === "tok";
  const joined = (x: Tensor) =>
    hasClassToken ? concat([expand(scope.parameter("cls", [1, 1, width], zeros), [n, 1, width]), x], 1) : x;
  const positioned = (x: Tensor, length: number, name: string): Tensor => {
    if (config.posEmbedding === "none") return x;
    if (config.posEmbedding === "sincos2d") {
      const table = sincos2dTensor(rows, columns, width, x.dtype);
      // the class token has no place in the grid; joined before, it gets zeros
      return add(
        x,
        length > count ? concat([constant(new Float32Array(width), [1, 1, width], x.dtype), table], 1) : table,
      );
    }
    return add(x, scope.parameter(name, [1, length, width], normal(1 / Math.sqrt(width))));
  };
  const x =
    hasClassToken && config.classTokenOrder === "before"
      ? positioned(joined(tokens), count + 1, "Transformer/posembed_input/pos_embedding")
      : joined(positioned(tokens, count, "pos_embedding"));
  return dropout(scope, x, config.dropout);
}

/** x + attention(norm x), then x + mlp(norm x). */
function encoderBlock(scope: Scope, x: Tensor, config: ViTConfig, drop: number): Tensor {
  const residual = (branch: Tensor) =>
    stochasticDepth(scope, dropout(scope, branch, config.dropout), drop, config.stochasticDepthRescale);
  const normed = layerNorm(scope.at("LayerNorm_0"), x, config.layerNormEpsilon);
  const attended = multiHeadAttention(scope.at("MultiHeadDotProductAttention_0"), normed, config.heads);
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

/** [N, t, d] tokens to [N, d] (or unchanged for `none`). */
function pool(scope: Scope, x: Tensor, config: ViTConfig): Tensor {
  const [n, , width] = x.shape as [number, number, number];
  if (config.pooling === "none") return x;
  if (config.pooling === "tok") return reshape(sliceAxis(x, 1, 0, 1), [n, width]);
  if (config.pooling === "gap") return reduceMean(x, 1);
  return mapHead(scope.at("MAPHead_0"), x, config);
}

/** Multi-head attention pooling: a learned probe attends to the tokens; a residual MLP follows (papers.md 1.5). */
function mapHead(scope: Scope, x: Tensor, config: ViTConfig): Tensor {
  const [n, , width] = x.shape as [number, number, number];
  const probe = expand(scope.parameter("probe", [1, 1, width], xavierUniform(1, width)), [n, 1, width]);
  const attended = multiHeadAttention(scope.at("MultiHeadDotProductAttention_0"), probe, config.heads, x);
  const normed = layerNorm(scope.at("LayerNorm_0"), attended, config.layerNormEpsilon);
  const hidden = mlpBlock(scope.at("MlpBlock_0"), normed, { hidden: config.mlpDim, gelu: config.gelu, dropout: 0 });
  return reshape(add(attended, hidden), [n, width]);
}

function head(scope: Scope, x: Tensor, config: ViTConfig): Tensor {
  return dense(scope, x, config.classes, {
    kernelInitializer: zeros,
    biasInitializer: config.headBiasInit === 0 ? zeros : filledWith(config.headBiasInit),
  });
}
