/** Makes text safe to print to a terminal, whatever the names of files and classes contain. */

/**
 * Control characters except line breaks and tabs, which move the cursor, change colours and titles, and hide text. Those of C1 (U+0080 to
 * U+009F) start sequences like ESC. Also characters that change the direction of text (UAX #9), which can make a name look like another, and
 * the two other line separators.
 */
const unsafe =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to find
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

const escaped = (character: string): string => {
  const code = character.charCodeAt(0);
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
};

/** Replaces such characters by escapes such as `\x1b` or `\u202e`. */
export const printable = (text: string): string => text.replace(unsafe, escaped);

/** Formats a document as JSON with such characters escaped. They occur only in strings, so a parser of the JSON restores them. */
export const printableJson = (document: unknown): string =>
  (JSON.stringify(document, undefined, 2) ?? "null").replace(unsafe, (character) =>
    escaped(character).replace("\\x", "\\u00"),
  );
