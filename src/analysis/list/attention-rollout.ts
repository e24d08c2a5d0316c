/** Attention Rollout: which patches the output depends on through all layers of attention (Abnar and Zuidema, 2020; papers.md 9.4). */
import { contactSheet, type SheetPicture } from "../../report/index.js";
import type { Analysis } from "../framework/analysis.js";
import { attentionLayout, poolingAttention, shareOfHalf, withoutAttention } from "../framework/attention.js";
import { firstImages, notShown, photoUri, shownPixels, underMap } from "../framework/overlays.js";
import { imageName } from "../framework/pictures.js";

/** Options of `attentionRollout`. */
export interface RolloutOptions {
  /** Add the identity to the attention of each block, for its residual connection, and scale rows to a sum of 1. Default: true. */
  readonly identity?: boolean;
}

/** Mean over the heads of attention weights [heads, tokens, tokens]: [tokens, tokens]. */
export function meanOfHeads(weights: ArrayLike<number>, heads: number): Float64Array {
  const size = weights.length / heads;
  const sum = new Float64Array(size);
  for (let h = 0; h < heads; h++) for (let i = 0; i < size; i++) sum[i] = (sum[i] ?? 0) + (weights[h * size + i] ?? 0);
  return sum.map((value) => value / heads);
}

/**
 * How much a weighted sum of output tokens depends on each input token: row `output` [tokens] times the attention of the last block, times
 * that of the one before, down to the first (papers.md 9.4). It is the row of the product of the matrices, without computing the product.
 *
 * @param blocks attention of every block, the first one first, mean over heads: [tokens, tokens], rows of queries
 * @param output weights of the output tokens: 1 for the class token, 1 / tokens for their mean
 * @returns [tokens], with the sum of `output`
 */
export function attentionRollout(
  blocks: readonly ArrayLike<number>[],
  output: ArrayLike<number>,
  { identity = true }: RolloutOptions = {},
): Float64Array {
  let row = Float64Array.from(output);
  const tokens = row.length;
  for (const weights of [...blocks].reverse()) {
    const next = new Float64Array(tokens);
    for (let q = 0; q < tokens; q++) {
      let total = identity ? 1 : 0;
      for (let k = 0; k < tokens; k++) total += weights[q * tokens + k] ?? 0;
      // without the identity the rows sum to 1 already, up to rounding
      const share = (row[q] ?? 0) / total;
      for (let k = 0; k < tokens; k++) next[k] = (next[k] ?? 0) + share * (weights[q * tokens + k] ?? 0);
      if (identity) next[q] = (next[q] ?? 0) + share;
    }
    row = next;
  }
  return row;
}

export const attentionRolloutAnalysis: Analysis = {
  name: "attention-rollout",
  title: "Attention rollout",
  summary:
    "How much the features depend on each patch through the attention of all blocks, with and without the residual connections (papers.md 9.4)",
  unavailable: (subject) => (attentionLayout(subject) ? notShown(subject) : withoutAttention(subject)),
  async run(subject) {
    const layout = attentionLayout(subject);
    if (!layout) throw new Error(withoutAttention(subject));
    const { names, heads, rows, columns, prefix } = layout;
    const patches = rows * columns;
    const tokens = patches + prefix;
    // the class token is pooled, or the mean over the patches
    const fromClassToken = layout.pooling === "tok";
    const pooledFrom = Float64Array.from({ length: tokens }, (_, i) =>
      fromClassToken ? (i === 0 ? 1 : 0) : i < prefix ? 0 : 1 / patches,
    );
    const pooling = poolingAttention(subject);
    const shown = firstImages(subject);
    const pictures: SheetPicture[] = [];
    const found: { image: string; withIdentity: number[]; attentionOnly: number[] }[] = [];
    let at = 0;
    for await (const traced of subject.trace([...names, ...(pooling ? [pooling] : [])], shown)) {
      const image = shown[at++] ?? 0;
      const blocks = names.map((name) => meanOfHeads(traced[name]?.data ?? [], heads));
      const output = pooling ? meanOfHeads(traced[pooling]?.data ?? [], heads) : pooledFrom;
      const maps = [true, false].map((identity) =>
        attentionRollout(blocks, output, { identity }).slice(tokens - patches),
      );
      const [withIdentity = new Float64Array(), attentionOnly = new Float64Array()] = maps;
      const name = imageName(subject, image);
      found.push({ image: name, withIdentity: [...withIdentity], attentionOnly: [...attentionOnly] });
      const pixels = shownPixels(subject, image);
      pictures.push({ source: await photoUri(pixels), alt: name, caption: name });
      for (const [i, map] of maps.entries()) {
        const [low, high] = [map.reduce((a, b) => Math.min(a, b)), map.reduce((a, b) => Math.max(a, b))];
        const scale = { kind: "sequential", range: [low, high] } as const;
        const source = await photoUri(underMap(pixels, map, layout, scale));
        const caption = `${(low * patches).toFixed(1)} to ${(high * patches).toFixed(1)}`;
        pictures.push({ source, alt: `${name}, ${i === 0 ? "with identity" : "attention only"}: ${caption}`, caption });
      }
    }
    const share = (pick: (one: (typeof found)[number]) => number[]) =>
      (100 * found.reduce((sum, one) => sum + shareOfHalf(pick(one)), 0)) / found.length;
    const start = pooling ? "the pooling's probe" : fromClassToken ? "the class token" : "the mean of the tokens";
    const { imageShape } = subject;
    return {
      text: `Seen from ${start}, half of the rollout falls on ${share((one) => one.withIdentity).toFixed(0)} % of the patches with the identity, and on ${share((one) => one.attentionOnly).toFixed(0)} % without it (${found.length} images; 50 % is uniform).`,
      data: { rows, columns, from: start, images: found },
      charts: [
        {
          title: "Rollout of all blocks",
          caption:
            "Each image, its rollout with the identity added for the residual connections, and that of the attention alone. Colours go from the smallest to the largest value of each map; the numbers below are these values, where 1 is that of uniform attention.",
          draw: (width) =>
            contactSheet({
              width,
              description: "Attention rollout over images, with and without the identity.",
              pictures,
              group: width < 600 ? 3 : 6,
              columns: width < 600 ? 3 : 6,
              cell: 168,
              aspect: imageShape[0] / imageShape[1],
              scale: { kind: "sequential", range: [0, 1], name: "smallest to largest of each map" },
            }),
        },
      ],
    };
  },
};
