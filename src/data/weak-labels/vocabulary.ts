/**
 * Finds classes in text with a vocabulary, which has one class on each line: `name` or `name: synonym, synonym`. Lines that begin with #
 * are skipped.
 *
 * Text and vocabulary are compared word by word without case, accents and punctuation. The last word of an entry also matches its regular
 * English plural (cats, boxes, berries); other forms must be listed as synonyms. The longest entry that starts at a word matches and
 * consumes its words: with `hot dog` in the vocabulary, "a hot dog" does not match dog. Words are runs of letters and digits, so text
 * without spaces between words is not segmented.
 */

/** A vocabulary prepared for lookups. */
export interface Vocabulary {
  readonly classNames: readonly string[];
  /** Classes by entry, whose words are joined by a space. */
  readonly entries: ReadonlyMap<string, readonly number[]>;
  /** Number of words of the longest entry. */
  readonly longest: number;
}

/** Words of a text, without case and accents. */
export const wordsOf = (text: string): string[] =>
  text
    .normalize("NFKD")
    .replace(/\p{M}+/gu, "")
    .toLowerCase()
    .match(/[\p{L}\p{N}]+/gu) ?? [];

/** A word and its regular English plurals. */
function forms(word: string): string[] {
  if (/[^aeiou]y$/.test(word)) return [word, `${word.slice(0, -1)}ies`];
  if (/(s|x|z|ch|sh)$/.test(word)) return [word, `${word}es`];
  return /o$/.test(word) ? [word, `${word}s`, `${word}es`] : [word, `${word}s`];
}

/**
 * Parses a vocabulary.
 * @throws for a repeated class, an entry without letters or digits, and a text without classes.
 */
export function parseVocabulary(text: string): Vocabulary {
  const classNames: string[] = [];
  const entries = new Map<string, number[]>();
  let longest = 0;
  for (const [i, raw] of text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const colon = line.indexOf(":");
    const name = (colon < 0 ? line : line.slice(0, colon)).trim();
    const synonyms =
      colon < 0
        ? []
        : line
            .slice(colon + 1)
            .split(",")
            .filter((entry) => entry.trim() !== "");
    if (classNames.includes(name))
      throw new Error(`vocabulary, line ${i + 1}: the class "${name}" is listed twice; expected once`);
    const label = classNames.push(name) - 1;
    for (const entry of [name, ...synonyms]) {
      const words = wordsOf(entry);
      if (words.length === 0)
        throw new Error(`vocabulary, line ${i + 1}: "${entry.trim()}" has neither letters nor digits; expected some`);
      longest = Math.max(longest, words.length);
      for (const last of forms(words.at(-1)!)) {
        const key = [...words.slice(0, -1), last].join(" ");
        const labels = entries.get(key);
        if (!labels) entries.set(key, [label]);
        else if (!labels.includes(label)) labels.push(label);
      }
    }
  }
  if (classNames.length === 0)
    throw new Error("the vocabulary has no classes; expected lines of name, or name: synonym, synonym");
  return { classNames, entries, longest };
}

/** Classes that a text mentions, in ascending order. */
export function matchClasses({ entries, longest }: Vocabulary, text: string): number[] {
  const words = wordsOf(text);
  const found = new Set<number>();
  for (let start = 0; start < words.length; ) {
    let used = 1;
    for (let length = Math.min(longest, words.length - start); length >= 1; length--) {
      const labels = entries.get(words.slice(start, start + length).join(" "));
      if (!labels) continue;
      for (const label of labels) found.add(label);
      used = length;
      break;
    }
    start += used;
  }
  return [...found].sort((a, b) => a - b);
}
