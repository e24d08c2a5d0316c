/** What is kept of a pass over images beside its numbers: the ids of the images, and the images that could not be read. */
import { plural } from "../text/format.js";
import type { ImageSource } from "./source/types.js";

/**
 * The same source, remembering the id of every example that was read. It has no recipe, so that it is read in this
 * thread: asking a source for ids alone would read every image a second time.
 */
export function rememberIds(source: ImageSource): { source: ImageSource; ids: ReadonlyMap<number, string> } {
  const ids = new Map<number, string>();
  const { recipe: _, ...rest } = source;
  const get = async (index: number) => {
    const example = await source.get(index);
    ids.set(index, example.id);
    return example;
  };
  return { source: { ...rest, get }, ids };
}

/** How many of a list are shown in text. */
const shown = 10;

/** Reports the images that could not be read, the first ten of them by name. */
export function noteUnreadable(
  bad: readonly { readonly id: string; readonly reason: string }[],
  note: ((text: string) => void) | undefined,
): void {
  if (!note || bad.length === 0) return;
  note(`${plural(bad.length, "image")} could not be read and ${bad.length === 1 ? "was" : "were"} left out:`);
  for (const { id, reason } of bad.slice(0, shown)) note(`  ${id}: ${reason}`);
  if (bad.length > shown) note(`  and ${bad.length - shown} more`);
}
