/** Converts durations of a run, given in steps, examples, epochs or as a fraction of the run, to steps. */

/**
 * A duration in one of the units. `percent` is a fraction of the whole run (0.1 is a tenth), as in the reference.
 * Negative values count as absent.
 */
export interface Duration {
  steps?: number;
  examples?: number;
  epochs?: number;
  percent?: number;
}

/** The numbers that a conversion to steps may need. */
export interface DurationContext {
  /** Images per step. */
  batchSize?: number;
  /** Images of the training set, one epoch. */
  datasetSize?: number;
  /** Steps of the whole run. */
  totalSteps?: number;
}

/** The units, in the order in which the reference checks them. */
export const durationUnits = ["steps", "examples", "epochs", "percent"] as const;
export type DurationUnit = (typeof durationUnits)[number];

/** Rounds half to even, as the reference's Python code does, so that `0.5` cases agree with it. */
function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** Rounds to at least one step unless the value is 0 (papers.md 5.1: max(1, round(x)) if x > 0 else 0). */
function wholeSteps(value: number): number {
  return value > 0 ? Math.max(1, roundHalfToEven(value)) : 0;
}

/**
 * The unit of a duration: the only one that is present and not negative. Undefined when there is none; throws when
 * there are several.
 */
export function durationUnit(duration: Duration, name = "duration"): DurationUnit | undefined {
  const given = durationUnits.filter((unit) => (duration[unit] ?? -1) >= 0);
  if (given.length > 1) {
    throw new Error(`${name}: given in ${given.join(" and ")}; give one of ${durationUnits.join(", ")}`);
  }
  return given[0];
}

/**
 * Converts a duration to whole steps (papers.md 5.1, big_vision `steps`): examples / batchSize, epochs * datasetSize /
 * batchSize, percent * totalSteps, rounded, at least 1 unless the duration is 0.
 *
 * Throws when no unit or several are given, when a number is not finite, when percent is above 1, or when the context
 * lacks what the unit needs.
 *
 * @example toSteps({ epochs: 3 }, { batchSize: 100, datasetSize: 1000 }); // 30
 */
export function toSteps(duration: Duration, context: DurationContext, name = "duration"): number {
  const unit = durationUnit(duration, name);
  if (unit === undefined) {
    throw new Error(`${name}: ${JSON.stringify(duration)} has no unit; give one of ${durationUnits.join(", ")}`);
  }
  const value = duration[unit]!;
  if (!Number.isFinite(value)) throw new Error(`${name}: ${unit} is ${value}; give a finite number`);

  const need = (key: keyof DurationContext, what: string): number => {
    const known = context[key];
    if (known === undefined || !(known > 0)) {
      throw new Error(`${name}: ${value} ${unit} cannot be converted to steps without ${what}, which is ${known}`);
    }
    return known;
  };
  switch (unit) {
    case "steps":
      return wholeSteps(value);
    case "examples":
      return wholeSteps(value / need("batchSize", "the batch size"));
    case "epochs":
      return wholeSteps(
        (value * need("datasetSize", "the number of training images")) / need("batchSize", "the batch size"),
      );
    case "percent":
      if (value > 1) {
        throw new Error(`${name}: percent is ${value}; expected a fraction of the run, such as 0.1 for a tenth of it`);
      }
      return wholeSteps(value * need("totalSteps", "the length of the run"));
  }
}

/** Formats a duration: `10 epochs`, `5 % of the run`. */
export function formatDurationSetting(duration: Duration): string {
  const unit = durationUnit(duration);
  if (unit === undefined) return "never";
  return unit === "percent" ? `${duration.percent! * 100} % of the run` : `${duration[unit]} ${unit}`;
}

/**
 * Whether something done every `every` steps is due after this step (1-based count of finished steps). It is always due
 * after the last step, and after the first when `first` is set (big_vision `itstime`).
 */
export function isTime(finished: number, every: number, total: number, first = false): boolean {
  if (finished >= total) return true;
  if (first && finished === 1) return true;
  return every > 0 && finished > 0 && finished % every === 0;
}
