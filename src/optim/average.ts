/** Averages the weights over training steps; the average is often more accurate than the last weights. */
import { add, multiply, subtract, type Tensor } from "../graph/index.js";
import type { OptimizerContext } from "./transformation.js";

/** Exponential moving average: average = decay average + (1 - decay) parameter, starting from the initial weights. */
export interface EmaConfig {
  readonly kind: "ema";
  /** In the range [0, 1). */
  readonly decay: number;
  /** Use min(decay, (1 + t) / (10 + t)) at update t (from 1), which forgets the initial weights sooner, as TensorFlow's ExponentialMovingAverage does with `num_updates`. */
  readonly warmup?: boolean;
}

/** Mean of the weights after every update from a step on (Polyak-Ruppert averaging); before this step, the weights themselves. */
export interface PolyakConfig {
  readonly kind: "polyak";
  /** First step that is averaged (0 is the first update). Default: 0. */
  readonly from?: number;
}

export type AverageConfig = EmaConfig | PolyakConfig;

/** Decay of an exponential moving average whose half-life is `steps` (S4L, papers.md 10.4, uses one epoch). */
export function decayOfHalfLife(steps: number): number {
  if (!(steps > 0)) throw new RangeError(`invalid half-life of ${steps} steps; expected a number above 0`);
  return 0.5 ** (1 / steps);
}

/** Weight of the newest parameters in the average after a step (0 is the first). Throws RangeError. */
export function averageRate(config: AverageConfig): (step: number) => number {
  if (config.kind === "polyak") {
    const { from = 0 } = config;
    if (!Number.isInteger(from) || from < 0) {
      throw new RangeError(`average.from is ${from}; expected an integer of at least 0, the first step to average`);
    }
    return (step) => (step < from ? 1 : 1 / (step - from + 1));
  }
  const { decay, warmup = false } = config;
  if (!(decay >= 0 && decay < 1))
    throw new RangeError(`average.decay is ${decay}; expected a number from 0 to below 1`);
  return (step) => 1 - (warmup ? Math.min(decay, (2 + step) / (11 + step)) : decay);
}

/** State name of the average of a parameter. */
export const averageName = (parameter: string): string => `average/${parameter}`;

/**
 * Updates an average: average + rate (parameter - average). In the form `decay average + rate parameter`, the two factors rounded to float32
 * would not sum to 1, and the average would converge to a slightly different value.
 */
export function averaged(context: OptimizerContext, config: AverageConfig, average: Tensor, parameter: Tensor): Tensor {
  const rate = context.scalar("average/rate", averageRate(config));
  return add(average, multiply(subtract(parameter, average), rate));
}
