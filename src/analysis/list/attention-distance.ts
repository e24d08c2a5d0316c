/** Mean attention distance of each head, by layer (Dosovitskiy et al., 2021; papers.md 9.1). */
import { lineChart } from "../../report/index.js";
import type { Analysis } from "../framework/analysis.js";
import { attentionLayout, withoutAttention } from "../framework/attention.js";

/** How the class token is treated: its row and column are removed, and the other weights are kept as they are or scaled to a sum of 1. */
export type ClassTokenConvention = "drop" | "renormalise";

/** Grid of the patches, in pixels between neighbours. */
export interface DistanceGrid {
  readonly rows: number;
  readonly columns: number;
  readonly step: readonly [number, number];
}

/** What an attention matrix says of distances, means over queries. */
export interface HeadDistance {
  /** Sum over keys of weight times distance, in pixels. */
  readonly mean: number;
  /** Distance of the key with the largest weight, in pixels. */
  readonly peak: number;
}

/**
 * Mean distance of one head of one image. `weights` [tokens, tokens] are rows of queries, the first `prefix` of them of tokens without a place (class token, registers); distances are Euclidean on the grid of patches, times
 * the pixels between neighbours.
 */
export function headDistance(
  weights: ArrayLike<number>,
  { rows, columns, step }: DistanceGrid,
  prefix: number,
  convention: ClassTokenConvention = "drop",
): HeadDistance {
  const patches = rows * columns;
  const tokens = patches + prefix;
  const first = prefix;
  let [mean, peak] = [0, 0];
  for (let q = 0; q < patches; q++) {
    let [sum, total, most, at] = [0, 0, Number.NEGATIVE_INFINITY, 0];
    for (let k = 0; k < patches; k++) {
      const weight = weights[(q + first) * tokens + k + first] ?? 0;
      const down = (Math.floor(q / columns) - Math.floor(k / columns)) * step[0];
      const across = ((q % columns) - (k % columns)) * step[1];
      const distance = Math.hypot(down, across);
      sum += weight * distance;
      total += weight;
      if (weight > most) [most, at] = [weight, distance];
    }
    mean += (convention === "renormalise" && total > 0 ? sum / total : sum) / patches;
    peak += at / patches;
  }
  return { mean, peak };
}

export const attentionDistance: Analysis = {
  name: "attention-distance",
  title: "Mean attention distance",
  summary:
    "For each head of each layer, the distance in pixels between a patch and the patches it attends to, weighted by attention (papers.md 9.1)",
  unavailable: (subject) => (attentionLayout(subject) ? undefined : withoutAttention(subject)),
  async run(subject) {
    const images = subject.images.count;
    const layout = attentionLayout(subject);
    if (!layout) throw new Error(withoutAttention(subject));
    const { names, heads, hasClassToken, prefix } = layout;
    const zeros = () => names.map(() => new Array<number>(heads).fill(0));
    const [mean, renormalised, peak] = [zeros(), zeros(), zeros()];
    for await (const traced of subject.trace(names)) {
      for (const [l, name] of names.entries()) {
        const { data, shape } = traced[name] as { data: Float32Array; shape: readonly number[] };
        const size = (shape[1] ?? 0) ** 2;
        for (let h = 0; h < heads; h++) {
          const weights = data.subarray(h * size, (h + 1) * size);
          const found = headDistance(weights, layout, prefix);
          const scaled = headDistance(weights, layout, prefix, "renormalise");
          add(mean, l, h, found.mean / images);
          add(renormalised, l, h, scaled.mean / images);
          add(peak, l, h, found.peak / images);
        }
      }
    }
    const averages = mean.map((row) => row.reduce((sum, value) => sum + value, 0) / heads);
    const [low, high] = [averages[0] ?? 0, averages.at(-1) ?? 0];
    return {
      text: `The heads of the first layer attend ${low.toFixed(0)} pixels away on average, those of the last layer ${high.toFixed(0)} (${images} images).`,
      data: { unit: "pixels", images, classToken: hasClassToken, mean, renormalised, peak },
      charts: [
        {
          title: "Mean attention distance by layer, every head",
          caption:
            "A dot for each head, the line is their mean. Heads of the first layers that look near and far together are what the paper reports.",
          draw: (width) =>
            lineChart({
              width,
              description: "Mean attention distance of every head over the layers.",
              series: [
                {
                  name: "mean of the heads",
                  points: averages.map((y, x) => ({ x, y })),
                  samples: mean.flatMap((row, x) => row.map((y) => ({ x, y }))),
                },
              ],
              x: { label: "layer" },
              y: { label: "pixels", include: [0] },
            }),
        },
      ],
    };
  },
};

const add = (table: number[][], layer: number, head: number, value: number): void => {
  const row = table[layer] as number[];
  row[head] = (row[head] ?? 0) + value;
};
