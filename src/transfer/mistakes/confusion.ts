/** Finds the pairs of classes that a classifier confuses. */

/** Two classes that are confused. */
export interface ConfusedPair {
  readonly classes: readonly [number, number];
  /** Images of either class that were predicted as the other. */
  readonly confused: number;
  /** Images of both. */
  readonly images: number;
}

/** A non-zero entry of a confusion matrix: [true class, predicted class, images]. */
export type ConfusionEntry = readonly [truth: number, guess: number, images: number];

/** The non-zero entries of a matrix [classes, classes], row by row. */
export function confusionEntries(confusion: Int32Array, classes: number): ConfusionEntry[] {
  return [...confusion.entries()].flatMap(([at, images]) =>
    images === 0 ? [] : [[Math.floor(at / classes), at % classes, images] as const],
  );
}

/**
 * Pairs of classes by the fraction of their images that were confused, most confused first; pairs without confusions
 * are omitted. `images`: the number of images of each class. Default: the sums of the entries.
 */
export function confusedPairs(entries: readonly ConfusionEntry[], images?: ArrayLike<number>): ConfusedPair[] {
  const counted = new Map<number, number>();
  for (const [truth, , count] of entries) counted.set(truth, (counted.get(truth) ?? 0) + count);
  const of = (label: number): number => images?.[label] ?? counted.get(label) ?? 0;
  const confused = new Map<string, { readonly classes: readonly [number, number]; images: number }>();
  for (const [truth, guess, count] of entries) {
    if (truth === guess) continue;
    const classes = [Math.min(truth, guess), Math.max(truth, guess)] as const;
    const pair = confused.get(classes.join()) ?? { classes, images: 0 };
    pair.images += count;
    confused.set(classes.join(), pair);
  }
  return [...confused.values()]
    .map((pair) => ({
      classes: pair.classes,
      confused: pair.images,
      images: of(pair.classes[0]) + of(pair.classes[1]),
    }))
    .sort(
      (a, b) =>
        b.confused / b.images - a.confused / a.images ||
        b.confused - a.confused ||
        a.classes[0] - b.classes[0] ||
        a.classes[1] - b.classes[1],
    );
}
