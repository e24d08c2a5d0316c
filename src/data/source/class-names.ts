/** Reads class names from a `classes.json` beside the images. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";

const entry = z.union([
  z.string(),
  z.object({ name: z.string() }).transform((x) => x.name),
  z.object({ words: z.string() }).transform((x) => x.words),
  z.object({ wnid: z.string() }).transform((x) => x.wnid),
]);
const file = z.union([
  z.array(entry),
  z.object({ classes: z.array(entry) }).transform((x) => x.classes),
  z.object({ names: z.array(entry) }).transform((x) => x.names),
]);

/**
 * Reads `classes.json` in a folder: a list of names, or `{classes: [...]}` with names or objects that have `name`, `words` or
 * `wnid`, in the order of the labels. Returns undefined if there is none.
 *
 * @throws if the file exists but does not have this form.
 */
export function classNamesBeside(folder: string): readonly string[] | undefined {
  const path = join(folder, "classes.json");
  if (!existsSync(path)) return undefined;
  try {
    return file.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (error) {
    throw new Error(
      `"${path}" does not list class names: expected ["cat", "dog"] or {"classes": [{"name": "cat"}, ...]}`,
      { cause: error },
    );
  }
}
