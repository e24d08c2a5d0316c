/** Text that is safe to print to a terminal, whatever the names of files and classes in it hold. */

/**
 * Control characters but for ends of lines and tabs: they move the cursor, change colours and titles, and hide text. Those of
 * C1 (U+0080 to U+009F) start sequences as ESC does. With them, what turns the direction of text round (UAX #9), which can make a
 * name look like another, and the two other separators of lines.
 */
const unsafe =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to find
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

const escaped = (character: string): string => {
  const code = character.charCodeAt(0);
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
};

/** The text with such characters written as `\x1b` or `\u202e`. */
export const printable = (text: string): string => text.replace(unsafe, escaped);

/** A document as JSON without such characters, which stand in its strings only: a reader of the JSON gets them back. */
export const printableJson = (document: unknown): string =>
  (JSON.stringify(document, undefined, 2) ?? "null").replace(unsafe, (character) =>
    escaped(character).replace("\\x", "\\u00"),
  );
