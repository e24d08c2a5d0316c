/**
 * Dynamic loss scaling for half precision (Micikevicius et al., Mixed Precision Training, 2018, arXiv:1710.03740,
 * section 3.2). The scale is halved when the gradients of a step overflow (the step is then skipped), and doubled after
 * 2000 consecutive steps without overflow. It is a power of two, so that multiplying and dividing by it causes no
 * rounding.
 */

/** The current scale. Checkpoints store it, so that a resumed run continues with it. */
export interface LossScale {
  readonly scale: number;
  /** Steps since it last changed. */
  readonly goodSteps: number;
}

/** 2^16, just above the largest float16: a scale that is too large is lowered within a few steps. */
export const firstLossScale: LossScale = { scale: 2 ** 16, goodSteps: 0 };

const growthInterval = 2000;
/** If gradients overflow at this scale, they are themselves too large for float16, or infinite. */
export const smallestLossScale = 2 ** -10;
/** The largest scale: well below the largest float32 (2^128), in which the loss is multiplied. */
const largest = 2 ** 24;

/** The scale for the next step, given whether the gradients of the last one were finite. */
export function nextLossScale({ scale, goodSteps }: LossScale, finite: boolean): LossScale {
  if (!finite) return { scale: scale / 2, goodSteps: 0 };
  if (goodSteps + 1 < growthInterval) return { scale, goodSteps: goodSteps + 1 };
  return { scale: Math.min(2 * scale, largest), goodSteps: 0 };
}
