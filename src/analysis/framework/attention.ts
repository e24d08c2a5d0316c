/** Attention weights of a Vision Transformer: where they are recorded, and what is a class token. */
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
  const hasClassToken = config.pooling === "tok";
  const [height, width] = imageShape;
  const grid = patchGrid(config, { height, width });
  if (heads === 0 || !grid || grid.rows * grid.columns + (hasClassToken ? 1 : 0) !== tokens) return undefined;
  const { rows, columns } = grid;
  return { names, heads, rows, columns, hasClassToken, step: [height / rows, width / columns] };
}

/** Says what a network without attention has instead. */
export function withoutAttention({ config }: Subject): string {
  return config.family === "resnet"
    ? "a ResNet has no attention over patches: see its filters, feature maps and layers"
    : "an MLP-Mixer has no attention: its token-mixing layers have fixed weights; see its filters, feature maps and layers";
}
