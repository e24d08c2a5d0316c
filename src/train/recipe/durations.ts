/** Durations of a run: given in steps, examples, epochs or as a share of the run, converted to steps in one place. */

/** One of the units; `percent` is a fraction of the whole run (0.1 is a tenth), as the reference has it. Negative values count as absent. */
export interface Duration {
  steps?: number;
  examples?: number;
  epochs?: number;
  percent?: number;
}

/** What a conversion to steps may need to know. */
export interface DurationContext {
  /** Images per step. */
  batchSize?: number;
  /** Images of the training set, one epoch. */
  datasetSize?: number;
  /** Steps of the whole run. */
  totalSteps?: number;
}

/** The units, in the order the reference looks for them. */
export const durationUnits = ["steps", "examples", "epochs", "percent"] as const;
export type DurationUnit = (typeof durationUnits)[number];

/** Rounds half to even, as Python does: the reference's conversions are in Python and `0.5` cases must agree with it. */
function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** At least one step of whatever is not nothing (papers.md 5.1: max(1, round(x)) if x > 0 else 0). */
function wholeSteps(value: number): number {
  return value > 0 ? Math.max(1, roundHalfToEven(value)) : 0;
}

/** The unit a duration is given in: the only one that is present and not negative. Undefined when there is none; throws when there are several. */
export function durationUnit(duration: Duration, name = "duration"): DurationUnit | undefined {
  const given = durationUnits.filter((unit) => (duration[unit] ?? -1) >= 0);
  if (given.length > 1) {
    throw new Error(`${name}: given in ${given.join(" and ")}; give one of ${durationUnits.join(", ")}`);
  }
  return given[0];
}

/**
 * Converts a duration to whole steps (papers.md 5.1, big_vision `steps`): examples / batchSize,
 * epochs * datasetSize / batchSize, percent * totalSteps, rounded, at least 1 unless the duration is 0.
 *
 * Throws when no unit or several are given, when a number is not finite, when percent is above 1, or when the context lacks what the unit needs.
 *
 * @example
 * toSteps({ epochs: 3 }, { batchSize: 100, datasetSize: 1000 }); // 30
 */
export function toSteps(duration: Duration, context: DurationContext, name = "duration"): number {
  const unit = durationUnit(duration, name);
  if (unit === undefined) {
    throw new Error(`${name}: ${JSON.stringify(duration)} names no duration; give one of ${durationUnits.join(", ")}`);
  }
  const value = duration[unit]!;
  if (!Number.isFinite(value)) throw new Error(`${name}: ${unit} is ${value}; give a finite number`);

  const need = (key: keyof DurationContext, what: string): number => {
    const known = context[key];
    if (known === undefined || !(known > 0)) {
      throw new Error(`${name}: ${value} ${unit} cannot be counted in steps without ${what}, which is ${known}`);
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
        throw new Error(
          `${name}: percent is a fraction of the run, so ${value} is too much; write 0.1 for a tenth of it`,
        );
      }
      return wholeSteps(value * need("totalSteps", "the length of the run"));
  }
}

/** Writes a duration as a person says it: `10 epochs`, `5 % of the run`. */
export function formatDurationSetting(duration: Duration): string {
  const unit = durationUnit(duration);
  if (unit === undefined) return "never";
  return unit === "percent" ? `${duration.percent! * 100} % of the run` : `${duration[unit]} ${unit}`;
}

/**
 * Should something done every `every` steps be done after this step (1-based count of finished steps)?
 * The last step always counts; the first does when `first` is set (big_vision `itstime`).
 */
export function isTime(finished: number, every: number, total: number, first = false): boolean {
  if (finished >= total) return true;
  if (first && finished === 1) return true;
  return every > 0 && finished > 0 && finished % every === 0;
}
