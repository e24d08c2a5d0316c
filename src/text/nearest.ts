/** Finds the most similar known name, for "did you mean" in error messages. */

/** Number of edits (insertion, deletion, substitution, transposition) between two strings: the optimal string alignment distance. */
export function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min(replace, previous[j]! + 1, current[j - 1]! + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, beforePrevious[j - 2]! + 1);
      }
      current.push(best);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[b.length]!;
}

/**
 * The known name nearest to `given`, ignoring case; undefined if none is similar enough
 * (more than two edits and more than a third of the longer name).
 */
export function nearest(given: string, known: Iterable<string>): string | undefined {
  const wanted = given.toLowerCase();
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const name of known) {
    const distance = editDistance(wanted, name.toLowerCase());
    const allowed = Math.max(2, Math.floor(Math.max(given.length, name.length) / 3));
    if (distance <= allowed && distance < Math.max(given.length, name.length) && distance < bestDistance) {
      best = name;
      bestDistance = distance;
    }
  }
  return best;
}

/** Returns `; did you mean "name"?` with the nearest known name, or an empty string; appended to error messages. */
export function didYouMean(given: string, known: Iterable<string>): string {
  const name = nearest(given, known);
  return name === undefined ? "" : `; did you mean "${name}"?`;
}

/** Error message for zod if the `key` of a value is not one of a table's names; undefined for values that are not objects. */
export function unknownName(
  what: string,
  names: readonly string[],
  key = "name",
): (issue: { input?: unknown }) => string | undefined {
  return ({ input }) => {
    if (typeof input !== "object" || input === null || Array.isArray(input)) return undefined;
    const name = (input as Record<string, unknown>)[key];
    const meant = typeof name === "string" ? didYouMean(name, names) : "";
    return `unknown ${what} ${JSON.stringify(name)}; expected one of ${names.join(", ")}${meant}`;
  };
}
