/**
 * Extremes and appending for arrays of any length. `Math.max(...array)` and `push(...array)` pass every element as an argument. From about
 * 120,000 elements on they overflow the stack and throw RangeError. `npm run lint` rejects them
 * (scripts/check-spreads.mjs).
 */

/** The largest number: -Infinity for none, NaN if one of them is NaN. */
export function largest(values: Iterable<number>): number {
  let found = Number.NEGATIVE_INFINITY;
  for (const value of values) found = Math.max(found, value);
  return found;
}

/** The smallest number: Infinity for none, NaN if one of them is NaN. */
export function smallest(values: Iterable<number>): number {
  let found = Number.POSITIVE_INFINITY;
  for (const value of values) found = Math.min(found, value);
  return found;
}

/** Appends items to an array, in order. */
export function append<T>(array: T[], items: Iterable<T>): void {
  for (const item of items) array.push(item);
}
