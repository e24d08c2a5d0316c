/** Brings an MLP-Mixer to images of K times its resolution: token mixing in blocks, one a sub-sequence of patches (papers.md 3.2). */

import { WeightsError } from "../formats/error.js";
import type { ModelConfig } from "../models/index.js";
import type { PatchGrid } from "./positions.js";

type MixerModelConfig = Extract<ModelConfig, { readonly family: "mixer" }>;

interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export interface LargerMixer {
  readonly config: MixerModelConfig;
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** Times the grid's rows and columns. */
  readonly factor: number;
}

const mixing = /^MixerBlock_\d+\/token_mixing\/Dense_([01])\/(kernel|bias)$/;

/**
 * Token-mixing weights for a grid K times as large on each side: block-diagonal with K^2 copies of the old ones, so that the
 * hidden width and the number of patches both become K^2 times themselves, and each copy sees one of K^2 sub-sequences of the
 * patches (MLP-Mixer paper; papers.md 3.2).
 *
 * The paper says that the sequence is split into K^2 equal parts; which patches make a part is not in our reference, nor did
 * we find it established elsewhere. Here part (a, b) has the patches of the rows a, a + K, a + 2K, ... and the columns
 * b, b + K, ...: every part then is the whole picture on the old grid, and each old weight goes on relating the same two places
 * of the picture. It is the choice that keeps the network's function on a picture that only became larger: where the K x K
 * patches in place of an old one are all alike, every part sees what the old network saw, and the answer is the same to the
 * last bit but for rounding. Neighbouring tiles would each see a K-th of the picture as though it were the whole; equal pieces
 * of the row-by-row sequence would not even keep what is below what.
 *
 * Throws WeightsError unless both sides of the grid grow by the same whole number.
 */
export function enlargeMixer(
  config: MixerModelConfig,
  tensors: ReadonlyMap<string, Tensor>,
  from: PatchGrid,
  to: PatchGrid,
): LargerMixer {
  const factor = to.rows / from.rows;
  if (!Number.isInteger(factor) || to.columns !== from.columns * factor) {
    throw new WeightsError(
      `an MLP-Mixer mixes a fixed number of patches: one of ${from.rows} x ${from.columns} takes images of K times as many on both sides, K a whole number (its token mixing is then repeated K^2 times); ${to.rows} x ${to.columns} are not. Resize its images, or ask for 2 or 3 times its own size`,
    );
  }
  const hidden = config.tokensMlpDim;
  const patches = from.rows * from.columns;
  const copies = factor * factor;
  // Where patch s of the old grid lies on the new one in each of the sub-sequences.
  const place = (copy: number, s: number): number => {
    const row = Math.floor(s / from.columns) * factor + Math.floor(copy / factor);
    return row * to.columns + (s % from.columns) * factor + (copy % factor);
  };
  const unit = (copy: number, k: number): number => copy * hidden + k;
  const enlarged = new Map<string, Tensor>();
  for (const [name, tensor] of tensors) {
    const [, layer, part] = mixing.exec(name) ?? [];
    if (layer === undefined) {
      enlarged.set(name, tensor);
      continue;
    }
    // Dense_0 goes from patches to hidden units, Dense_1 back
    const [inputs, outputs] = layer === "0" ? [patches, hidden] : [hidden, patches];
    const [input, output] = layer === "0" ? [place, unit] : [unit, place];
    const shape = part === "bias" ? [copies * outputs] : [copies * inputs, copies * outputs];
    const data = new Float32Array(shape.reduce((product, side) => product * side, 1));
    for (let copy = 0; copy < copies; copy++) {
      for (let o = 0; o < outputs; o++) {
        const to = output(copy, o);
        if (part === "bias") data[to] = tensor.data[o]!;
        else
          for (let i = 0; i < inputs; i++) data[input(copy, i) * copies * outputs + to] = tensor.data[i * outputs + o]!;
      }
    }
    enlarged.set(name, { shape, data });
  }
  return { config: { ...config, tokensMlpDim: copies * hidden }, tensors: enlarged, factor };
}
