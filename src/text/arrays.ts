/**
 * Extremes and appending for arrays of any length. `Math.max(...array)` and `push(...array)` give every element as an argument of
 * a call: from about 120,000 on there is no room for them on the stack, and the call throws RangeError. `npm run lint` refuses them
 * (scripts/check-spreads.mjs).
 */

/** The largest of some numbers: -Infinity of none, NaN where one of them is. */
export function largest(values: Iterable<number>): number {
  let found = Number.NEGATIVE_INFINITY;
  for (const value of values) found = Math.max(found, value);
  return found;
}

/** The smallest of some numbers: Infinity of none, NaN where one of them is. */
export function smallest(values: Iterable<number>): number {
  let found = Number.POSITIVE_INFINITY;
  for (const value of values) found = Math.min(found, value);
  return found;
}

/** Adds items to the end of an array, in order. */
export function append<T>(array: T[], items: Iterable<T>): void {
  for (const item of items) array.push(item);
}
