/** Inputs of programs: copied or handed over, stacked for several steps in one run, whose outputs are split. */
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

/** Copies an array into its own memory. Throws if the array was transferred to a run. */
export function copied(name: string, array: NumericArray): NumericArray {
  try {
    return array.slice();
  } catch {
    throw new Error(
      `${name}: the array was transferred to a run; wait for that run and take the array that the record of its feeds then holds, or run without transfer`,
    );
  }
}

const mapValues = (values: Feeds, change: (data: NumericArray, name: string) => NumericArray): Feeds =>
  Object.fromEntries(Object.entries(values).map(([name, data]) => [name, change(data, name)]));

/** Copies all arrays. Throws if one was transferred to a run. */
export const copies = (values: Feeds): Feeds => mapValues(values, (data, name) => copied(name, data));

/** Returns the arrays to transfer; of several over the same memory, all but the first are copied. */
export function handedOver(values: Feeds): Feeds {
  const taken = new Set<unknown>();
  return mapValues(values, (data) => {
    const isFirst = !taken.has(data.buffer);
    taken.add(data.buffer);
    return isFirst ? data : data.slice();
  });
}
