/** Labels as sets store them, numbers or names, and the list of classes they belong to. */

/** A label larger than any class list there is: a damaged one must not make a list of billions of names. */
const maxClasses = 10_000_000;

/**
 * Labels as indices, and the names of the classes: those listed, else the names that occur in order, else 0, 1, 2, ...
 *
 * @param where says which example is meant, for messages
 * @throws for a label that is none of the classes.
 */
export function mergeLabels(
  values: readonly (number | string)[],
  listed: readonly string[] | undefined,
  where: (index: number) => string,
): { labels: Int32Array; classNames: readonly string[] } {
  const words = values.some((value) => typeof value === "string");
  const most = values.reduce<number>((max, x) => Math.max(max, Number(x)), -1);
  const numbered = (): string[] => Array.from({ length: Math.min(maxClasses, most + 1) }, (_, i) => String(i));
  const classNames = listed ?? (words ? [...new Set(values.map(String))].sort() : numbered());
  const indexOf = new Map(classNames.map((name, i) => [name, i]));
  const labels = Int32Array.from(values, (value) => {
    const label = typeof value === "string" ? (indexOf.get(value) ?? -1) : value;
    return Number.isInteger(label) && label < classNames.length ? label : -1;
  });
  const wrong = labels.findIndex((label) => label < 0);
  if (wrong >= 0) {
    throw new Error(
      `${where(wrong)} has the label ${values[wrong]}, which is none of the ${classNames.length} classes; splits with hidden labels cannot be read as labelled images.`,
    );
  }
  return { labels, classNames };
}

/** Where each of several lists begins when they stand one after the other. */
export function startsOf(lengths: readonly number[]): number[] {
  let next = 0;
  return lengths.map((length) => {
    next += length;
    return next - length;
  });
}
