/**
 * Mixup (Zhang et al. 2018, arXiv:1710.09412) on the host: what to mix with what, and mixing. Code bases draw and pair
 * differently (papers.md 2.3, 5.5); all use one lambda for the whole batch. Pure functions: equal generators, equal results.
 */
import { beta } from "../../random/distributions.js";
import type { Random } from "../../random/keyed.js";

/**
 * How lambda is drawn and what each example is paired with:
 *
 * - `big_vision`: lambda is the greater of Beta and 1 - Beta; example i with i - 1, the first with the last (a roll by one);
 * - `timm`: lambda as drawn; example i with the one as far from the other end of the batch;
 * - `bit`: lambda as drawn; a random permutation, as BiT's PyTorch code;
 * - `bit_reversed`: lambda as drawn; the reversed batch, as BiT's TensorFlow and JAX code.
 */
export const mixupKinds = ["big_vision", "timm", "bit", "bit_reversed"] as const;
export type MixupKind = (typeof mixupKinds)[number];

/** Mixup of a run. */
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
 * Draws lambda from Beta(alpha, alpha) and the partners of a batch. With alpha 0 nothing is mixed and nothing drawn: lambda 1,
 * every example its own partner. Throws RangeError for a negative alpha or a batch of no example.
 */
export function drawMixup(kind: MixupKind, alpha: number, batchSize: number, random: Random): Mixup {
  if (!(alpha >= 0 && Number.isFinite(alpha))) throw new RangeError(`mixup's alpha is ${alpha}; give 0 (off) or more`);
  if (!(Number.isInteger(batchSize) && batchSize >= 1)) {
    throw new RangeError(`mixup is given a batch of ${batchSize} examples; give 1 or more`);
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
 * Mixes images [N, ...] or targets [N, classes] of a batch into `out` of the same length (another array: partners are read after their place is
 * written), and returns `out`. Throws RangeError when the lengths do not fit.
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
      `mixup of ${image.length} numbers for ${partner.length} examples into ${out.length}; the first must be a multiple of the examples and equal the last`,
    );
  }
  if (out.buffer === image.buffer && lambda !== 1) {
    throw new RangeError("mixup cannot write over what it mixes; give it another array");
  }
  const rest = 1 - lambda;
  for (let i = 0; i < partner.length; i++) {
    const own = i * size;
    const other = partner[i]! * size;
    for (let j = 0; j < size; j++) out[own + j] = lambda * image[own + j]! + rest * image[other + j]!;
  }
  return out;
}
