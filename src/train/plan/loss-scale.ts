/**
 * The scale of the loss in half precision: as large as gradients allow without overflowing (Micikevicius et al., Mixed
 * Precision Training, 2018, arXiv:1710.03740, section 3.2): halved when a step overflows, which is then dropped, and doubled
 * after 2000 steps in a row that did not. Powers of two: multiplying and dividing by them rounds nothing.
 */

/** Where the scale stands; kept with a run's checkpoints, so that a resumed run goes on with it. */
export interface LossScale {
  readonly scale: number;
  /** Steps since it last changed. */
  readonly goodSteps: number;
}

/** 2^16, just above the largest float16: what is too large is found out within a few steps. */
export const firstLossScale: LossScale = { scale: 2 ** 16, goodSteps: 0 };

const growthInterval = 2000;
/** Gradients that overflow with this are too large for float16 by themselves, or infinite. */
export const smallestLossScale = 2 ** -10;
/** Its square root is still far from the largest float32, in which the loss is multiplied. */
const largest = 2 ** 24;

/** The scale for the next step, after one whose gradients were finite or not. */
export function nextLossScale({ scale, goodSteps }: LossScale, finite: boolean): LossScale {
  if (!finite) return { scale: scale / 2, goodSteps: 0 };
  if (goodSteps + 1 < growthInterval) return { scale, goodSteps: goodSteps + 1 };
  return { scale: Math.min(2 * scale, largest), goodSteps: 0 };
}
