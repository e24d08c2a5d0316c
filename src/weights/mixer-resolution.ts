/**
 * Adapts an MLP-Mixer to images of K times its resolution: token mixing becomes block-diagonal, with one block per
 * sub-sequence of patches (papers.md 3.2).
 */

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
  /** Factor of the grid's rows and columns. */
  readonly factor: number;
}

const mixing = /^MixerBlock_\d+\/token_mixing\/Dense_([01])\/(kernel|bias)$/;

/**
 * Token-mixing weights for a grid that is K times as large on each side. They are block-diagonal with K^2 copies of the
 * old weights, so that the hidden width and the number of patches are both multiplied by K^2. Each copy processes one
 * of K^2 sub-sequences of the patches (MLP-Mixer paper; papers.md 3.2).
 *
 * The paper says that the sequence is split into K^2 equal parts. Which patches form a part is neither in our reference
 * nor known from another source. Here part (a, b) has the patches of rows a, a + K, a + 2K, ... and columns b, b + K,
 * ... Every part is then the whole image on the old grid, and each old weight still relates the same two positions of
 * the image. This choice preserves the network's function on an image that is only enlarged: if the K x K patches that
 * replace an old one are equal, every part equals the old network's input, and the output is the same except for
 * rounding. Adjacent tiles would each process a part of the image as if it were the whole. Equal pieces of the
 * row-by-row sequence would not even keep the vertical neighbours of a patch.
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
      `an MLP-Mixer mixes a fixed number of patches: one of ${from.rows} x ${from.columns} can be adapted to K times as many on both sides, where K is a whole number (its token mixing is then repeated K^2 times); given ${to.rows} x ${to.columns}; resize the images, or give 2 or 3 times its own size`,
    );
  }
  const hidden = config.tokensMlpDim;
  const patches = from.rows * from.columns;
  const copies = factor * factor;
  // The position on the new grid of patch s of the old grid, in each of the sub-sequences.
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
    // Dense_0 maps patches to hidden units, Dense_1 maps them back
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
