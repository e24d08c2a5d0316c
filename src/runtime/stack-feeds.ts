/** Stacks the inputs of several steps for one run of a program, and splits its outputs. */
import type { NumericArray } from "../graph/index.js";
import type { Feeds, Results } from "./engine.js";

/** Stacks the inputs of several steps into new arrays, [steps, ...] each; a single step is returned without a copy. */
export function stackFeeds(steps: readonly Feeds[]): Record<string, NumericArray> {
  const [first, ...others] = steps;
  if (first === undefined) throw new RangeError("stackFeeds: got no steps; expected at least one");
  if (others.length === 0) return { ...first };
  return Object.fromEntries(
    Object.entries(first).map(([name, array]) => {
      const Kind = array.constructor as new (length: number) => NumericArray;
      const whole = new Kind(steps.length * array.length);
      for (const [i, feeds] of steps.entries()) whole.set(feeds[name] as never, i * array.length);
      return [name, whole];
    }),
  );
}

/** Splits the outputs of a run of several steps into the scalars of each step. */
export function scalarsOf(results: Results, steps: number): Record<string, number>[] {
  return Array.from({ length: steps }, (_, i) =>
    Object.fromEntries(Object.entries(results).map(([name, values]) => [name, Number(values[i])])),
  );
}
