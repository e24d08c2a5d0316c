/**
 * Mixup (Zhang et al. 2018, arXiv:1710.09412) on the host: draws the pairs and mixes them. Code bases draw and pair in
 * different ways (papers.md 2.3, 5.5); all use one lambda for the whole batch. The functions are pure: equal generators
 * give equal results.
 */
import { beta } from "../../random/distributions.js";
import type { Random } from "../../random/keyed.js";

/**
 * How lambda is drawn and which example each is paired with:
 *
 * - `big_vision`: lambda is the greater of Beta and 1 - Beta; example i with i - 1, the first with the last (a roll by
 *   one);
 * - `timm`: lambda as drawn; the reversed batch, example i with example N - 1 - i;
 * - `bit`: lambda as drawn; a random permutation, as in BiT's PyTorch code;
 * - `bit_reversed`: lambda as drawn; the reversed batch, as in BiT's TensorFlow and JAX code.
 */
export const mixupKinds = ["big_vision", "timm", "bit", "bit_reversed"] as const;
export type MixupKind = (typeof mixupKinds)[number];

/** The mixup settings of a run. */
export interface MixupSettings {
  readonly kind: MixupKind;
  /** Both parameters of the Beta distribution. */
  readonly alpha: number;
}

/** A drawn mixup: out[i] = lambda * x[i] + (1 - lambda) * x[partner[i]]. */
export interface Mixup {
  readonly lambda: number;
  /** [N] */
  readonly partner: Int32Array;
}

/**
 * Draws lambda from Beta(alpha, alpha) and the partners of a batch. With alpha 0 nothing is drawn: lambda is 1 and
 * every example is its own partner. Throws RangeError for a negative alpha or an empty batch.
 */
export function drawMixup(kind: MixupKind, alpha: number, batchSize: number, random: Random): Mixup {
  if (!(alpha >= 0 && Number.isFinite(alpha)))
    throw new RangeError(`mixup: alpha is ${alpha}; expected 0 (off) or a positive number`);
  if (!(Number.isInteger(batchSize) && batchSize >= 1)) {
    throw new RangeError(`mixup: the batch has ${batchSize} examples; expected at least 1`);
  }
  const partner = Int32Array.from({ length: batchSize }, (_, i) => i);
  if (alpha === 0) return { lambda: 1, partner };
  const drawn = beta(alpha, alpha, random.uniform);
  switch (kind) {
    case "big_vision":
      return { lambda: Math.max(drawn, 1 - drawn), partner: partner.map((i) => (i + batchSize - 1) % batchSize) };
    case "timm":
    case "bit_reversed":
      return { lambda: drawn, partner: partner.reverse() };
    case "bit":
      for (let i = batchSize - 1; i > 0; i--) {
        const j = random.integer(i + 1);
        [partner[i], partner[j]] = [partner[j]!, partner[i]!];
      }
      return { lambda: drawn, partner };
  }
}

/**
 * Mixes images [N, ...] or targets [N, classes] of a batch into `out` of the same length, and returns `out`. `out` must
 * be another array, since partners are read after their positions are written. Throws RangeError when the lengths do
 * not match.
 */
export function mixImages(
  image: Float32Array,
  lambda: number,
  partner: Int32Array,
  out: Float32Array = new Float32Array(image.length),
): Float32Array {
  const size = image.length / partner.length;
  if (!Number.isInteger(size) || out.length !== image.length) {
    throw new RangeError(
      `mixup: ${image.length} numbers for ${partner.length} examples into ${out.length}; expected a multiple of the examples, and an output of the same length`,
    );
  }
  if (out.buffer === image.buffer && lambda !== 1) {
    throw new RangeError("mixup: the output is the input; expected another array");
  }
  const rest = 1 - lambda;
  for (let i = 0; i < partner.length; i++) {
    const own = i * size;
    const other = partner[i]! * size;
    for (let j = 0; j < size; j++) out[own + j] = lambda * image[own + j]! + rest * image[other + j]!;
  }
  return out;
}
