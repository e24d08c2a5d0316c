/** MLP-Mixer (Tolstikhin et al., 2021): alternating MLPs over patches and over channels, and its published variants. Facts: papers.md 3.2. */
import { add, cast, gelu, matmul, reduceMean, reshape, type Tensor, transpose } from "../graph/index.js";
import {
  classifierHead,
  dense,
  dropout,
  layerNorm,
  lecunNormal,
  type Scope,
  stochasticDepth,
  stochasticDepthRate,
  zeros,
} from "../nn/index.js";
import { patchEmbedding } from "./stems.js";

export interface MixerConfig {
  /** Side of the square patches in pixels; trailing pixels that do not fill a patch are ignored. */
  readonly patchSize: number;
  readonly width: number;
  readonly depth: number;
  /** Hidden width of the MLP over patches; its input and output width is the number of patches of an image. */
  readonly tokensMlpDim: number;
  /** Hidden width of the MLP over channels. */
  readonly channelsMlpDim: number;
  /** Number of classes of the head; 0 removes the head. */
  readonly classes: number;
  /** Dropout rate after each GELU and on each branch; 0 in every published Mixer. */
  readonly dropout: number;
  /** Dropout rate on the features before the head (timm's `drop_rate`). Default: 0. */
  readonly headDropout?: number;
  /** Drop probability of the last block's branches; it rises linearly from 0 at the first block. */
  readonly stochasticDepth: number;
  /** Divide kept branches by their probability; false in the published models. */
  readonly stochasticDepthRescale: boolean;
  readonly gelu: "tanh" | "erf";
  readonly layerNormEpsilon: number;
  readonly headBiasInit: number;
  /** Recompute each block in the backward pass instead of keeping its intermediates. */
  readonly rematerialise: boolean;
}

/** The published defaults (papers.md 3.2). */
export const mixerDefaults = {
  classes: 1000,
  dropout: 0,
  stochasticDepth: 0,
  stochasticDepthRescale: false,
  gelu: "tanh",
  layerNormEpsilon: 1e-6,
  headBiasInit: 0,
  rematerialise: false,
} as const satisfies Partial<MixerConfig>;

export interface MixerOutput {
  /** Features: the mean over patches [N, width]. */
  readonly preLogits: Tensor;
  /** [N, classes]; undefined without a head. */
  readonly logits: Tensor | undefined;
  /** Patch tokens after the last norm, row-major: [N, rows * columns, width]. */
  readonly patches: Tensor;
  readonly grid: { readonly rows: number; readonly columns: number };
  /**
   * All intermediates by name (s: number of patches):
   * - `stem` [N, s, width];
   * - in `MixerBlock_{i}/`: `tokenMixing` and `channelMixing` [N, s, width] (the branches before the addition),
   *   `afterTokenMixing` and `output` [N, s, width];
   * - `encoded` [N, s, width] (after the last norm), `headInput` and `preLogits` [N, width], `logits`.
   */
  readonly intermediates: Readonly<Record<string, Tensor>>;
}

/**
 * Applies the network to images [N, H, W, C] scaled to [-1, 1]. The parameters depend on the number of patches. Throws ShapeError if the
 * image is smaller than a patch, or has another number of patches than the parameters of the scope.
 */
export function mixer(scope: Scope, image: Tensor, config: MixerConfig): MixerOutput {
  const { tokens, rows, columns } = patchEmbedding(scope.at("stem"), image, config);
  let x = scope.name("stem", tokens);
  for (let i = 0; i < config.depth; i++) {
    const drop = stochasticDepthRate(config.stochasticDepth, i, config.depth);
    x = scope.block(`MixerBlock_${i}`, x, config.rematerialise, (block, x) => mixerBlock(block, x, config, drop));
  }
  const patches = scope.name("encoded", layerNorm(scope.at("pre_head_layer_norm"), x, config.layerNormEpsilon));
  const pooled = scope.name("headInput", reduceMean(patches, 1));
  scope.name("preLogits", pooled);
  const logits = classifierHead(scope, pooled, config);
  return { preLogits: pooled, logits, patches, grid: { rows, columns }, intermediates: scope.intermediates };
}

/** x + tokenMixing(norm x), then x + channelMixing(norm x), with independent stochastic depth for each branch. */
function mixerBlock(scope: Scope, x: Tensor, config: MixerConfig, drop: number): Tensor {
  const residual = (branch: Tensor) =>
    stochasticDepth(scope, dropout(scope, branch, config.dropout), drop, config.stochasticDepthRescale);
  const normed = layerNorm(scope.at("LayerNorm_0"), x, config.layerNormEpsilon);
  const mixed = scope.name("tokenMixing", tokenMixing(scope.at("token_mixing"), normed, config));
  const between = scope.name("afterTokenMixing", add(x, residual(mixed)));
  const again = layerNorm(scope.at("LayerNorm_1"), between, config.layerNormEpsilon);
  const channels = scope.name("channelMixing", channelMixing(scope.at("channel_mixing"), again, config));
  return add(between, residual(channels));
}

/**
 * MLP over the patch axis of [N, s, C]: W1^T x, GELU, W2^T h. The products contract that axis directly, without the transposes of the paper.
 * Transposing the small kernels once is a tenth faster on the CPU than matrix products with transposed kernels (Mixer-B/16, batch 8, forward
 * and backward on two busy cores: 182 against 210 ms; with x transposed 229).
 */
function tokenMixing(scope: Scope, x: Tensor, config: MixerConfig): Tensor {
  const along = (name: string, from: Tensor, count: number): Tensor => {
    const inner = scope.at(name);
    const side = from.shape[1]!;
    const kernel = inner.parameter("kernel", [side, count], lecunNormal(side));
    const bias = inner.parameter("bias", [count], zeros);
    const transposed = cast(transpose(kernel, [1, 0]), from.dtype);
    return add(matmul(transposed, from), reshape(cast(bias, from.dtype), [count, 1]));
  };
  const hidden = dropout(scope, gelu(along("Dense_0", x, config.tokensMlpDim), config.gelu), config.dropout);
  return along("Dense_1", hidden, x.shape[1]!);
}

function channelMixing(scope: Scope, x: Tensor, config: MixerConfig): Tensor {
  const [n, tokens, width] = x.shape as [number, number, number];
  const rows = reshape(x, [n * tokens, width]);
  const hidden = gelu(dense(scope.at("Dense_0"), rows, config.channelsMlpDim), config.gelu);
  return reshape(dense(scope.at("Dense_1"), dropout(scope, hidden, config.dropout), width), x.shape);
}

export interface MixerShape {
  readonly width: number;
  readonly depth: number;
  readonly tokensMlpDim: number;
  readonly channelsMlpDim: number;
}

const shape = (width: number, depth: number, tokensMlpDim: number, channelsMlpDim: number): MixerShape => ({
  width,
  depth,
  tokensMlpDim,
  channelsMlpDim,
});

export const mixerVariants: Readonly<Record<string, MixerShape>> = {
  S: shape(512, 8, 256, 2048),
  B: shape(768, 12, 384, 3072),
  L: shape(1024, 24, 512, 4096),
  H: shape(1280, 32, 640, 5120),
};

/** The seven published Mixers. */
export const publishedMixers: readonly string[] = [
  "Mixer-S/32",
  "Mixer-S/16",
  "Mixer-B/32",
  "Mixer-B/16",
  "Mixer-L/32",
  "Mixer-L/16",
  "Mixer-H/14",
];

/** Configuration of a name such as "Mixer-B/16" with any patch size, with the given changes. Throws RangeError. */
export function mixerConfig(variant: string, changes: Partial<MixerConfig> = {}): MixerConfig {
  const [, name = "", patch] = /^Mixer-([A-Z])\/([1-9]\d*)$/.exec(variant) ?? [];
  const found = Object.hasOwn(mixerVariants, name) ? mixerVariants[name] : undefined;
  if (!found) {
    throw new RangeError(
      `unknown MLP-Mixer "${variant}"; write Mixer-NAME/PATCH, e.g. "Mixer-B/16", with one of ${Object.keys(mixerVariants).join(", ")}`,
    );
  }
  return { ...mixerDefaults, ...found, patchSize: Number(patch), ...changes };
}
