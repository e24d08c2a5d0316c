/** Several steps in one run of a program: their inputs stacked, their outputs taken apart. */
import type { NumericArray } from "../graph/index.js";
import type { Feeds, Results } from "./engine.js";

/** The inputs of several steps, [steps, ...] each, in arrays of their own; of one step the arrays themselves. */
export function stackFeeds(steps: readonly Feeds[]): Record<string, NumericArray> {
  const [first, ...others] = steps;
  if (first === undefined) throw new RangeError("no steps to stack");
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

/** The scalars of each step from the outputs of a run of so many. */
export function scalarsOf(results: Results, steps: number): Record<string, number>[] {
  return Array.from({ length: steps }, (_, i) =>
    Object.fromEntries(Object.entries(results).map(([name, values]) => [name, Number(values[i])])),
  );
}
