/** Attention weights of a Vision Transformer: where they are recorded, and what is a class token. */
import { hasClassToken, type Pooling, prefixTokens } from "../../models/index.js";
import { patchGrid } from "../../weights/index.js";
import type { Subject } from "./subject.js";

/** Attention of the encoder blocks of a network. */
export interface AttentionLayout {
  /** Names of the intermediates [heads, tokens, tokens], a block each. */
  readonly names: readonly string[];
  readonly heads: number;
  /** Patches of the grid, without the class token. */
  readonly rows: number;
  readonly columns: number;
  /** Is the first token a class token? */
  readonly hasClassToken: boolean;
  /** Number of tokens before those of the patches: the class token and the registers. */
  readonly prefix: number;
  /** Is the class token, or the mean over the patches, what is pooled? Attention pooling is neither. */
  readonly pooling: Pooling;
  /** Pixels between neighbouring patches, vertically and horizontally. */
  readonly step: readonly [number, number];
}

/** Where the attention of a network is; undefined for a network without attention over patches. */
export function attentionLayout({ config, intermediates, imageShape }: Subject): AttentionLayout | undefined {
  if (config.family !== "vit") return undefined;
  const names = Array.from(
    { length: config.depth },
    (_, l) => `Transformer/encoderblock_${l}/MultiHeadDotProductAttention_0/attentionWeights`,
  );
  const [heads = 0, tokens = 0] = intermediates.get(names[0] ?? "") ?? [];
  const prefix = prefixTokens(config);
  const [height, width] = imageShape;
  const grid = patchGrid(config, { height, width });
  if (heads === 0 || !grid || grid.rows * grid.columns + prefix !== tokens) return undefined;
  const { rows, columns } = grid;
  return {
    names,
    heads,
    rows,
    columns,
    hasClassToken: hasClassToken(config),
    prefix,
    pooling: config.pooling,
    step: [height / rows, width / columns],
  };
}

/** Says what a network without attention has instead. */
export function withoutAttention({ config }: Subject): string {
  if (config.family === "mobilenet")
    return "a MobileNet has no attention over patches: see its filters, feature maps and layers";
  return config.family === "resnet"
    ? "a ResNet has no attention over patches: see its filters, feature maps and layers"
    : "an MLP-Mixer has no attention: its token-mixing layers have fixed weights; see its filters, feature maps and layers";
}

/** The intermediate with the attention [heads, 1, tokens] that pools the tokens; undefined for another pooling (papers.md 1.5). */
export function poolingAttention({ intermediates }: Subject): string | undefined {
  const name = "MAPHead_0/MultiHeadDotProductAttention_0/attentionWeights";
  return intermediates.has(name) ? name : undefined;
}

/** The smallest share of the cells of a map, from 0 to 1, that holds half of its sum: 0.5 for a uniform map. */
export function shareOfHalf(map: ArrayLike<number>): number {
  const sorted = Float64Array.from(map).sort().reverse();
  const half = sorted.reduce((sum, value) => sum + value, 0) / 2;
  let [sum, count] = [0, 0];
  // the last cell counts as far as it is needed
  for (const value of sorted) {
    if (sum + value >= half) return (count + (value > 0 ? (half - sum) / value : 0)) / sorted.length;
    sum += value;
    count++;
  }
  return 1;
}
