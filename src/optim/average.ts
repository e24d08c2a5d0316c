/** Averages of the weights over the steps of training, which often do better than the last weights do. */
import { add, multiply, subtract, type Tensor } from "../graph/index.js";
import type { OptimizerContext } from "./transformation.js";

/** An exponential moving average: average = decay average + (1 - decay) parameter, from the first weights. */
export interface EmaConfig {
  readonly kind: "ema";
  /** From 0 to below 1. */
  readonly decay: number;
  /** Use min(decay, (1 + t) / (10 + t)) at update t (from 1), so that the first weights are forgotten sooner; as TensorFlow's ExponentialMovingAverage does with `num_updates`. */
  readonly warmup?: boolean;
}

/** The mean of the weights after every update from a step on (Polyak and Ruppert); before it, the weights themselves. */
export interface PolyakConfig {
  readonly kind: "polyak";
  /** Parameters are averaged from this step on (0 is the first update); default: 0. */
  readonly from?: number;
}

export type AverageConfig = EmaConfig | PolyakConfig;

/** The decay at which half of an exponential moving average is younger than `steps` (S4L, papers.md 10.4, takes an epoch's). */
export function decayOfHalfLife(steps: number): number {
  if (!(steps > 0)) throw new RangeError(`a half-life of ${steps} steps: give a number above 0`);
  return 0.5 ** (1 / steps);
}

/** The share of the newest weights in the average after the update of a step (0 is the first). Throws RangeError. */
export function averageRate(config: AverageConfig): (step: number) => number {
  if (config.kind === "polyak") {
    const { from = 0 } = config;
    if (!Number.isInteger(from) || from < 0) {
      throw new RangeError(`average.from is ${from}; give the step to average from, a whole number from 0`);
    }
    return (step) => (step < from ? 1 : 1 / (step - from + 1));
  }
  const { decay, warmup = false } = config;
  if (!(decay >= 0 && decay < 1)) throw new RangeError(`average.decay is ${decay}; give a number from 0 to below 1`);
  return (step) => 1 - (warmup ? Math.min(decay, (2 + step) / (11 + step)) : decay);
}

/** Where the average of a parameter is kept among the state. */
export const averageName = (parameter: string): string => `average/${parameter}`;

/**
 * The next value of an average: average + rate (parameter - average). As `decay average + rate parameter` the two factors,
 * rounded to float32, would not add up to 1, and the average would end a little beside what it follows.
 */
export function averaged(context: OptimizerContext, config: AverageConfig, average: Tensor, parameter: Tensor): Tensor {
  const rate = context.scalar("average/rate", averageRate(config));
  return add(average, multiply(subtract(parameter, average), rate));
}
