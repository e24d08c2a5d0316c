/** Parses names of shards: brace expansion, lists, and the split in a file's name. */

/** Maximum number of shards: no dataset has more, but a short brace pattern can expand to billions. */
const maxShards = 100_000;

/**
 * Expands a pattern to file names: `name-{000..012}.tar`, `{a,b}.tar`, several joined by "::" (as in WebDataset). Numbers keep their leading
 * zeros.
 *
 * @throws for more than 100,000 names and for a descending range.
 */
export function expandBraces(pattern: string): string[] {
  const names: string[] = [];
  const add = (text: string): void => {
    const match = /^(.*?)\{([^{}]*)\}(.*)$/s.exec(text);
    if (!match) {
      if (names.length >= maxShards)
        throw new Error(`"${pattern}" expands to too many files; expected at most ${maxShards}`);
      names.push(text);
      return;
    }
    const [, before, inside, after] = match as unknown as [string, string, string, string];
    const range = /^(\d+)\.\.(\d+)$/.exec(inside);
    if (!range) {
      for (const one of inside.split(",")) add(`${before}${one}${after}`);
      return;
    }
    const [first, last] = [Number(range[1]), Number(range[2])];
    if (first > last || last - first >= maxShards)
      throw new Error(
        `"${pattern}": invalid range {${inside}}; expected an ascending range of at most ${maxShards} numbers`,
      );
    for (let i = first; i <= last; i++) add(`${before}${String(i).padStart(range[1]!.length, "0")}${after}`);
  };
  for (const part of pattern.split("::")) add(part);
  return names;
}

/** The split in the name of a file (`imagenet-train-000012.tar`); undefined if there is none. */
export function splitInName(file: string): string | undefined {
  const name = file.split("/").at(-1)!;
  return /(?:^|[-_.])(train|training|val|valid|validation|dev|test|testing|eval)(?![a-z])/i.exec(name)?.[1];
}

/** Groups files by split, in their order. */
export function bySplit(files: readonly string[], splitOf: (file: string) => string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const file of files) found.set(splitOf(file), [...(found.get(splitOf(file)) ?? []), file]);
  return found;
}
