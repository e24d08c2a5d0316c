/** Learning-rate schedules: functions from the step (counted before the update, first update 0) to the factor the rate is multiplied by. */

/** What every schedule understands; durations are in steps (train/durations converts epochs, examples and per cent to steps). */
interface ScheduleCommon {
  /** Peak factor, 1 unless given; `end` below is in the same units. */
  base?: number;
  /** Steps of linear growth from 0 to the schedule's own value; 0 for none. */
  warmupSteps?: number;
  /** Last steps of the run, over which the factor shrinks linearly to 0 on top of the decay; 0 for none. */
  cooldownSteps?: number;
  /** Multiplies the base by batchSize / 256, the linear scaling rule (Goyal et al., arXiv:1706.02677). */
  scaleWithBatchSize?: boolean;
}

/** No decay: only warm-up and cool-down shape the factor. */
export interface ConstantSchedule extends ScheduleCommon {
  decayType: "constant";
}

/** Half a cosine from the base at the end of warm-up to 0 at the last step. */
export interface CosineSchedule extends ScheduleCommon {
  decayType: "cosine";
}

/** (1 - progress)^power from the base down to `end`; "linear" is power 1, "polynomial" names the power. */
export interface PolynomialSchedule extends ScheduleCommon {
  decayType: "linear" | "polynomial";
  /** Factor at the last step, 0 unless given. */
  end?: number;
  /** Exponent, 1 unless given. */
  power?: number;
}

/** 1 / sqrt(1 + (step - warm-up + shift) / timescale): training may be stopped anywhere by a cool-down (arXiv:2106.04560, section 3). */
export interface ReciprocalSquareRootSchedule extends ScheduleCommon {
  decayType: "rsqrt";
  /** Steps after which the factor has fallen to 1/sqrt(2); 10,000 unless given. */
  timescale?: number;
  /** Steps by which the decay is already advanced when warm-up ends; 0 unless given. */
  shift?: number;
}

/** Constant between boundaries: from `steps[i]` on the factor is `mults[i]` (absolute, not cumulative), before the first it is 1. */
export interface StairSchedule extends ScheduleCommon {
  decayType: "stair" | "staircase";
  /** Ascending steps at which the factor changes. */
  steps: readonly number[];
  /** The factor from each of those steps on; as many as `steps`. */
  mults: readonly number[];
}

/** A schedule as data, the form recipes hold. */
export type ScheduleConfig =
  | ConstantSchedule
  | CosineSchedule
  | PolynomialSchedule
  | ReciprocalSquareRootSchedule
  | StairSchedule;

/** The run a schedule is laid over. */
export interface ScheduleContext {
  /** Number of updates of the run. */
  total: number;
  /** Images per update; needed by `scaleWithBatchSize` only. */
  batchSize?: number;
}

/** Factor by which the learning rate is multiplied at a step. */
export type Schedule = (step: number) => number;

type Decay = (step: number, progress: number) => number;

function requireDuration(name: string, value: number): number {
  if (!Number.isFinite(value) || value < 0) {
    throw new Error(`schedule: ${name} is ${value}; give a number of steps that is 0 or more`);
  }
  return value;
}

function polynomialDecay(config: PolynomialSchedule, peak: number): Decay {
  const end = config.end ?? 0;
  const power = config.power ?? 1;
  if (!(power > 0)) throw new Error(`schedule "${config.decayType}": power is ${power}; give a number above 0`);
  return (_step, progress) => end + (peak - end) * (1 - progress) ** power;
}

function reciprocalSquareRootDecay(config: ReciprocalSquareRootSchedule, peak: number, warmup: number): Decay {
  const timescale = config.timescale ?? 10_000;
  const shift = requireDuration("shift", config.shift ?? 0);
  if (!(timescale > 0)) throw new Error(`schedule "rsqrt": timescale is ${timescale}; give a number of steps above 0`);
  // Held at the value it has when warm-up ends, so that the ramp leads to it without a jump.
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
      throw new Error(`schedule "${config.decayType}": steps [${steps.join(", ")}] must ascend`);
    }
  }
  return (step) => {
    let passed = 0;
    while (passed < steps.length && steps[passed]! <= step) passed++;
    return passed === 0 ? peak : peak * mults[passed - 1]!;
  };
}

function decayOf(config: ScheduleConfig, peak: number, warmup: number): Decay {
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
    default: {
      const given = (config as { decayType?: unknown }).decayType;
      throw new Error(
        `schedule: unknown decayType ${JSON.stringify(given)}; expected constant, cosine, linear, polynomial, rsqrt, stair or staircase`,
      );
    }
  }
}

/**
 * Builds the factor of a run's learning rate as a function of the step (papers.md 5.1, big_vision `create_learning_rate_schedule`).
 *
 * Warm-up and cool-down multiply whatever the decay gives. Past `total` the factor never turns negative (the reference's cool-down does).
 * Throws when warm-up is as long as the run (unless the run has at most one step, as debugging runs do), when the config
 * contradicts itself, or when `scaleWithBatchSize` is set and no batch size is known.
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
  if (!Number.isFinite(peak)) throw new Error(`schedule: base is ${peak}; give a finite number`);
  if (config.scaleWithBatchSize) {
    const { batchSize } = context;
    if (batchSize === undefined || !(batchSize > 0)) {
      throw new Error(
        `schedule: scaleWithBatchSize needs the batch size, which is ${batchSize}; pass { total, batchSize }`,
      );
    }
    peak *= batchSize / 256;
  }
  const decay = decayOf(config, peak, warmup);
  const span = total - warmup;

  return (step) => {
    // A one-step debugging run may be all warm-up: there is no span to progress through.
    const progress = span > 0 ? Math.min(Math.max((step - warmup) / span, 0), 1) : 0;
    let factor = decay(step, progress);
    if (warmup > 0) factor *= Math.min(1, step / warmup);
    if (cooldown > 0) factor *= Math.min(1, Math.max(0, (total - step) / cooldown));
    return factor;
  };
}
