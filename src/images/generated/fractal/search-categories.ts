/** Searches for many categories sequentially. */
import { categoryName, type NamedSystem } from "./categories-file.js";
import { findCategory, mostFillRate } from "./search.js";

export interface CategorySearch {
  /** Number of categories, numbered from 0. */
  readonly count: number;
  readonly seed: number;
  /** Minimum fraction of the pixels that a system must touch, up to `mostFillRate`. */
  readonly fill: number;
  readonly onProgress?: ((done: number) => void) | undefined;
}

/**
 * Finds the first `count` categories of a seed, and the number of systems drawn for them.
 *
 * @throws RangeError for a fill rate that hardly any system reaches.
 */
export async function searchCategories({
  count,
  seed,
  fill,
  onProgress,
}: CategorySearch): Promise<{ readonly systems: readonly NamedSystem[]; readonly candidates: number }> {
  if (!(fill >= 0 && fill <= mostFillRate)) {
    throw new RangeError(`invalid fill rate ${fill}; expected a number from 0 to ${mostFillRate}`);
  }
  const systems: NamedSystem[] = [];
  let candidates = 0;
  for (let category = 0; category < count; category++) {
    const found = findCategory(seed, category, fill);
    candidates += found.candidates;
    systems.push({ name: categoryName(category), system: found.system });
    onProgress?.(category + 1);
    // The search blocks this thread; signals are handled between categories.
    await new Promise(setImmediate);
  }
  return { systems, candidates };
}
