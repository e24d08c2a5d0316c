/** Collects the ids of the images of a pass, and reports the images that could not be read. */
import { plural } from "../text/format.js";
import type { ImageSource } from "./source/types.js";

/**
 * Wraps a source so that it stores the id of every example read. The wrapper has no recipe and is therefore read in this thread; requesting
 * only the ids would read every image a second time.
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

/** Maximum number of list entries shown in text. */
const shown = 10;

/** Reports the images that could not be read, the first ten by their ids. */
export function noteUnreadable(
  bad: readonly { readonly id: string; readonly reason: string }[],
  note: ((text: string) => void) | undefined,
): void {
  if (!note || bad.length === 0) return;
  note(`${plural(bad.length, "image")} could not be read and ${bad.length === 1 ? "was" : "were"} excluded:`);
  for (const { id, reason } of bad.slice(0, shown)) note(`  ${id}: ${reason}`);
  if (bad.length > shown) note(`  and ${bad.length - shown} more`);
}
