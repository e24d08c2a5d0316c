/** Labels as sets store them, numbers or names, and the list of classes they belong to. */

/** More classes than sets number without naming them (Google Landmarks v2 has 203,094): a label beyond is an id, or damaged. */
export const maxClasses = 1_000_000;

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
  const numbered = (): string[] => {
    if (most < maxClasses) return Array.from({ length: most + 1 }, (_, i) => String(i));
    const at = values.findIndex((value) => Number(value) === most);
    throw new Error(
      `${where(at)} has the label ${most}, and classes that no list names are numbered up to ${maxClasses - 1}: the column is hardly one of labels. Name another one in the spec, or list the classes`,
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
      `${where(wrong)} has the label ${values[wrong]}, which is none of the ${classNames.length} classes; splits with hidden labels cannot be read as labelled images`,
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
