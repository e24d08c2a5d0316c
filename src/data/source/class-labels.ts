/** Converts stored labels, numbers or names, to class indices and class names. */

/** Maximum number of unnamed classes. No known dataset has more (Google Landmarks v2 has 203,094); a larger label is an id or damaged. */
export const maxClasses = 1_000_000;

/**
 * Converts labels to indices and class names. The classes are `listed`, else the names that occur in order, else 0, 1, 2, ...
 *
 * @param where describes an example for messages
 * @throws for a label that is not one of the classes.
 */
export function mergeLabels(
  values: readonly (number | string)[],
  listed: readonly string[] | undefined,
  where: (index: number) => string,
): { labels: Int32Array; classNames: readonly string[] } {
  const words = values.some((value) => typeof value === "string");
  const most = values.reduce<number>((max, x) => Math.max(max, Number(x)), -1);
  const numbered = (): string[] => {
    if (most < maxClasses) return Array.from({ length: most + 1 }, (_, i) => String(i));
    const at = values.findIndex((value) => Number(value) === most);
    throw new Error(
      `${where(at)} has the label ${most}; without class names, expected at most ${maxClasses - 1}, so the column may not be the label: choose another one in the spec, or list the classes`,
    );
  };
  const classNames = listed ?? (words ? [...new Set(values.map(String))].sort() : numbered());
  const indexOf = new Map(words ? classNames.map((name, i) => [name, i]) : []);
  const labels = Int32Array.from(values, (value) => {
    const label = typeof value === "string" ? (indexOf.get(value) ?? -1) : value;
    return Number.isInteger(label) && label < classNames.length ? label : -1;
  });
  const wrong = labels.findIndex((label) => label < 0);
  if (wrong >= 0) {
    throw new Error(
      `${where(wrong)} has the label ${values[wrong]}, which is not one of the ${classNames.length} classes; splits with hidden labels cannot be read as labelled images`,
    );
  }
  return { labels, classNames };
}

/** Start index of each list in their concatenation. */
export function startsOf(lengths: readonly number[]): number[] {
  let next = 0;
  return lengths.map((length) => {
    next += length;
    return next - length;
  });
}
