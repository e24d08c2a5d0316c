/** Learning-rate schedules: functions from the step (0 is the first update) to a factor of the learning rate. */

import { type CustomSettings, customFactor } from "./custom.js";

/** Settings of every schedule; durations are in steps (train/durations converts epochs, examples and per cent to steps). */
interface ScheduleCommon {
  /** Peak factor; `end` below has the same units. Default: 1. */
  base?: number;
  /** Number of warm-up steps, in which the factor grows linearly from 0; 0 disables warm-up. */
  warmupSteps?: number;
  /** Number of cool-down steps at the end, in which the factor additionally decreases linearly to 0; 0 disables cool-down. */
  cooldownSteps?: number;
  /** Multiply the base by batchSize / 256, the linear scaling rule (Goyal et al., arXiv:1706.02677). */
  scaleWithBatchSize?: boolean;
}

/** No decay: only warm-up and cool-down change the factor. */
export interface ConstantSchedule extends ScheduleCommon {
  decayType: "constant";
}

/** Half a cosine from the base at the end of warm-up to 0 at the last step. */
export interface CosineSchedule extends ScheduleCommon {
  decayType: "cosine";
}

/** (1 - progress)^power from the base down to `end`; "linear" has power 1, "polynomial" has `power`. */
export interface PolynomialSchedule extends ScheduleCommon {
  decayType: "linear" | "polynomial";
  /** Factor at the last step. Default: 0. */
  end?: number;
  /** Exponent. Default: 1. */
  power?: number;
}

/** 1 / sqrt(1 + (step - warm-up + shift) / timescale): a cool-down can end training at any step (arXiv:2106.04560, section 3). */
export interface ReciprocalSquareRootSchedule extends ScheduleCommon {
  decayType: "rsqrt";
  /** Number of steps after which the factor is 1/sqrt(2). Default: 10,000. */
  timescale?: number;
  /** Number of steps by which the decay is advanced when warm-up ends. Default: 0. */
  shift?: number;
}

/** Piecewise constant: from `steps[i]` on the factor is `mults[i]` (absolute, not cumulative); before the first boundary it is 1. */
export interface StairSchedule extends ScheduleCommon {
  decayType: "stair" | "staircase";
  /** Ascending steps at which the factor changes. */
  steps: readonly number[];
  /** Factor from each of those steps on; as many as `steps`. */
  mults: readonly number[];
}

/** A user-defined schedule (`defineSchedule`). */
export interface CustomScheduleConfig extends ScheduleCommon {
  decayType: "custom";
  definition: string;
  version: string;
  settings?: CustomSettings;
}

/** A schedule as plain data, as in recipes. */
export type ScheduleConfig =
  | ConstantSchedule
  | CosineSchedule
  | PolynomialSchedule
  | ReciprocalSquareRootSchedule
  | StairSchedule
  | CustomScheduleConfig;

/** The run to which a schedule is applied. */
export interface ScheduleContext {
  /** Number of updates of the run. */
  total: number;
  /** Images per update; needed only by `scaleWithBatchSize`. */
  batchSize?: number;
}

/** Returns the factor of the learning rate at a step. */
export type Schedule = (step: number) => number;

type Decay = (step: number, progress: number) => number;

function requireDuration(name: string, value: number): number {
  if (!Number.isFinite(value) || value < 0) {
    throw new Error(`schedule: ${name} is ${value}; expected a number of steps of at least 0`);
  }
  return value;
}

function polynomialDecay(config: PolynomialSchedule, peak: number): Decay {
  const end = config.end ?? 0;
  const power = config.power ?? 1;
  if (!(power > 0)) throw new Error(`schedule "${config.decayType}": power is ${power}; expected a number above 0`);
  return (_step, progress) => end + (peak - end) * (1 - progress) ** power;
}

function reciprocalSquareRootDecay(config: ReciprocalSquareRootSchedule, peak: number, warmup: number): Decay {
  const timescale = config.timescale ?? 10_000;
  const shift = requireDuration("shift", config.shift ?? 0);
  if (!(timescale > 0))
    throw new Error(`schedule "rsqrt": timescale is ${timescale}; expected a number of steps above 0`);
  // During warm-up it keeps its value at the end of warm-up, so that the factor has no jump there.
  return (step) => peak / Math.sqrt(1 + (Math.max(step - warmup, 0) + shift) / timescale);
}

function stairDecay(config: StairSchedule, peak: number): Decay {
  const { steps, mults } = config;
  if (steps.length !== mults.length) {
    throw new Error(
      `schedule "${config.decayType}": ${steps.length} steps but ${mults.length} mults; give one multiplier for each boundary`,
    );
  }
  for (let i = 1; i < steps.length; i++) {
    if (!(steps[i]! > steps[i - 1]!)) {
      throw new Error(`schedule "${config.decayType}": steps are [${steps.join(", ")}]; expected ascending steps`);
    }
  }
  return (step) => {
    let passed = 0;
    while (passed < steps.length && steps[passed]! <= step) passed++;
    return passed === 0 ? peak : peak * mults[passed - 1]!;
  };
}

function decayOf(config: ScheduleConfig, peak: number, warmup: number, total: number): Decay {
  switch (config.decayType) {
    case "constant":
      return () => peak;
    case "cosine":
      return (_step, progress) => peak * 0.5 * (1 + Math.cos(Math.PI * progress));
    case "linear":
    case "polynomial":
      return polynomialDecay(config, peak);
    case "rsqrt":
      return reciprocalSquareRootDecay(config, peak, warmup);
    case "stair":
    case "staircase":
      return stairDecay(config, peak);
    case "custom": {
      const factor = customFactor(config, total);
      return (step) => peak * factor(step);
    }
    default: {
      const given = (config as { decayType?: unknown }).decayType;
      throw new Error(
        `schedule: unknown decayType ${JSON.stringify(given)}; expected constant, cosine, linear, polynomial, rsqrt, stair or staircase`,
      );
    }
  }
}

/**
 * Creates the learning-rate factor of a run as a function of the step (papers.md 5.1, big_vision `create_learning_rate_schedule`).
 *
 * Warm-up and cool-down multiply the decay's factor. After `total` the factor never becomes negative (that of the reference's cool-down
 * does). Throws if warm-up is as long as the run (except for runs of at most one step, for debugging), if the configuration is
 * contradictory, or if `scaleWithBatchSize` is set without a batch size.
 *
 * @example
 * const factor = createSchedule({ decayType: "cosine", warmupSteps: 10 }, { total: 100 });
 * factor(5); // 0.5, halfway through warm-up
 */
export function createSchedule(config: ScheduleConfig, context: ScheduleContext): Schedule {
  const total = requireDuration("total", context.total);
  const warmup = requireDuration("warmupSteps", config.warmupSteps ?? 0);
  const cooldown = requireDuration("cooldownSteps", config.cooldownSteps ?? 0);
  if (total > 1 && warmup >= total) {
    throw new Error(
      `schedule: warm-up of ${warmup} steps does not fit a run of ${total}; shorten the warm-up or train for longer`,
    );
  }
  let peak = config.base ?? 1;
  if (!Number.isFinite(peak)) throw new Error(`schedule: base is ${peak}; expected a finite number`);
  if (config.scaleWithBatchSize) {
    const { batchSize } = context;
    if (batchSize === undefined || !(batchSize > 0)) {
      throw new Error(
        `schedule: scaleWithBatchSize needs the batch size, which is ${batchSize}; pass { total, batchSize }`,
      );
    }
    peak *= batchSize / 256;
  }
  const decay = decayOf(config, peak, warmup, total);
  const span = total - warmup;

  return (step) => {
    // A run of one step may be warm-up only; then the span is empty.
    const progress = span > 0 ? Math.min(Math.max((step - warmup) / span, 0), 1) : 0;
    let factor = decay(step, progress);
    if (warmup > 0) factor *= Math.min(1, step / warmup);
    if (cooldown > 0) factor *= Math.min(1, Math.max(0, (total - step) / cooldown));
    return factor;
  };
}
