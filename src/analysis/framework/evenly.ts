/** Chooses what is shown where there is more than fits. */

/** At most `count` items, evenly spaced, with the first and the last. */
export function evenly<Item>(items: readonly Item[], count: number): readonly Item[] {
  if (items.length <= count) return items;
  const chosen = Array.from({ length: count }, (_, i) => Math.round((i * (items.length - 1)) / (count - 1)));
  return items.filter((_, i) => chosen.includes(i));
}
