/** Decides what a table says of a claim: the effect, its interval over seeds, and the decision rule. */
import { meanInterval, studentQuantile } from "../../algebra/statistics.js";
import { plural } from "../../text/format.js";
import type { Row } from "./table.js";

/** What a study concludes at the scale that was run. */
export type Decision = "supports" | "contradicts" | "cannot tell";

export interface Verdict {
  readonly decision: Decision;
  /** The effect in the direction of the claim, in units of the measure. */
  readonly effect: number;
  /** 95 % interval of the effect; undefined where one seed was run. */
  readonly interval: readonly [low: number, high: number] | undefined;
  /** Number of independent pairs (seeds) that the interval is computed from. */
  readonly n: number;
  /** What was compared and found, in one or two sentences. */
  readonly text: string;
  /** What would settle the question or change the verdict. */
  readonly next: string;
}

/** A mean over seeds with its 95 % Student interval, not cut to any range. */
export interface Effect {
  readonly mean: number;
  readonly standardDeviation: number;
  readonly interval: readonly [low: number, high: number] | undefined;
  readonly n: number;
}

/** Mean and Student interval of independent values. Throws when there is none. */
export function effectOf(values: readonly number[]): Effect {
  if (values.length === 0) throw new Error("no pair of runs to compare; run the study first");
  const { mean, standardDeviation, confidence95 } = meanInterval(values);
  return { mean, standardDeviation, interval: confidence95 ?? undefined, n: values.length };
}

/** Mean of y by seed, over the rows that `selects`. */
export function bySeed(rows: readonly Row[], selects: (row: Row) => boolean): Map<number, number> {
  const sums = new Map<number, { sum: number; count: number }>();
  for (const row of rows) {
    if (!selects(row)) continue;
    const { sum, count } = sums.get(row.seed) ?? { sum: 0, count: 0 };
    sums.set(row.seed, { sum: sum + row.y, count: count + 1 });
  }
  return new Map([...sums].map(([seed, { sum, count }]) => [seed, sum / count]));
}

/** Effect of a combination of means, seed by seed: runs of one seed share their data order and are compared as pairs. */
export function pairedEffect(
  parts: readonly { readonly weight: number; readonly values: ReadonlyMap<number, number> }[],
): Effect {
  const [first] = parts;
  const seeds = [...(first?.values.keys() ?? [])].filter((seed) => parts.every(({ values }) => values.has(seed)));
  return effectOf(
    seeds.map((seed) => parts.reduce((sum, { weight, values }) => sum + weight * (values.get(seed) ?? 0), 0)),
  );
}

/** Effect of y of one selection of rows minus that of another, paired by seed. */
export const difference = (rows: readonly Row[], more: (row: Row) => boolean, less: (row: Row) => boolean): Effect =>
  pairedEffect([
    { weight: 1, values: bySeed(rows, more) },
    { weight: -1, values: bySeed(rows, less) },
  ]);

/** Seeds that would make the interval half as wide as the distance between the mean and the nearer bound; at most 1,000. */
function seedsNeeded({ mean, standardDeviation, n }: Effect, smallest: number): number {
  const distance = Math.max(Math.abs(mean), Math.abs(mean - smallest), 1e-12);
  for (let seeds = Math.max(3, n + 1); seeds < 1000; seeds++) {
    if ((studentQuantile(seeds - 1) * standardDeviation) / Math.sqrt(seeds) < distance) return seeds;
  }
  return 1000;
}

/** Options of `decide`. */
export interface DecideOptions {
  /** The smallest effect that matters, in units of the measure. */
  readonly smallest: number;
  /** Names the effect in the text: "accuracy of ... minus accuracy of ...". */
  readonly what: string;
  /** Writes an effect with its unit. Default: percentage points. */
  readonly format?: (value: number) => string;
  /** What larger scale would settle the question. */
  readonly next?: string;
}

/** Percentage points of a difference of fractions, with sign. */
export const points = (value: number): string => `${value >= 0 ? "+" : ""}${(100 * value).toFixed(1)} points`;

/**
 * The rule for a claim of an effect of at least `smallest`: it is supported when the 95 % interval excludes 0 and the mean reaches `smallest`,
 * contradicted when the interval excludes `smallest` from below; otherwise the runs cannot tell.
 */
export function decide(effect: Effect, { smallest, what, format = points, next }: DecideOptions): Verdict {
  const { mean, interval, n } = effect;
  const decision: Decision =
    interval === undefined
      ? "cannot tell"
      : interval[0] > 0 && mean >= smallest
        ? "supports"
        : interval[1] < smallest
          ? "contradicts"
          : "cannot tell";
  return verdictOf(decision, effect, what, format, `the smallest effect that matters is ${format(smallest)}`, {
    next,
    settle: () => (n < 2 ? "a second seed gives an interval" : seedsText(effect, smallest)),
  });
}

/**
 * The rule for a claim that two things are equal up to `smallest`: supported when the interval lies within ± `smallest`, contradicted when it
 * lies outside.
 */
export function decideEqual(effect: Effect, { smallest, what, format = points, next }: DecideOptions): Verdict {
  const { mean, interval, n } = effect;
  const decision: Decision =
    interval === undefined
      ? "cannot tell"
      : Math.max(Math.abs(interval[0]), Math.abs(interval[1])) <= smallest
        ? "supports"
        : interval[0] > smallest || interval[1] < -smallest
          ? "contradicts"
          : "cannot tell";
  const bound = Math.abs(mean) < smallest ? smallest - Math.abs(mean) : Math.abs(mean) - smallest;
  return verdictOf(decision, effect, what, format, `equal means within ± ${format(smallest).replace("+", "")}`, {
    next,
    settle: () => (n < 2 ? "a second seed gives an interval" : seedsText({ ...effect, mean: bound }, 0)),
  });
}

const seedsText = (effect: Effect, smallest: number): string => {
  const seeds = seedsNeeded(effect, smallest);
  return seeds >= 1000
    ? "more seeds at this scale would not settle it: the effect lies at the boundary"
    : `about ${plural(seeds, "seed")} at this scale would settle it`;
};

function verdictOf(
  decision: Decision,
  effect: Effect,
  what: string,
  format: (value: number) => string,
  bound: string,
  { next, settle }: { readonly next: string | undefined; readonly settle: () => string },
): Verdict {
  const { mean, interval, n } = effect;
  const range = interval ? `, 95 % interval ${format(interval[0])} to ${format(interval[1])}` : "";
  const text = `${what}: ${format(mean)}${range} (${plural(n, "seed")}; ${bound}).`;
  const settled = "a larger scale could change it";
  const more = decision === "cannot tell" ? settle() : settled;
  return { decision, effect: mean, interval, n, text, next: next === undefined ? more : `${more}; ${next}` };
}
