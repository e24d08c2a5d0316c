/** Reads text files of any size line by line, and hashes their contents. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { requirePath } from "./paths.js";

/** Maximum length of a line: 21,843 classes with 24 characters each are half a megabyte. */
const maxLine = 16 * 2 ** 20;

/**
 * Calls `each` with every line (without its line break, numbered from 1) and returns the sha256 (hexadecimal) of the file.
 * @throws for a missing file, a line of more than 16 MiB, and the errors of `each`.
 */
export async function readLines(path: string, each: (line: string, number: number) => void): Promise<string> {
  requirePath(path);
  const hash = createHash("sha256");
  const decoder = new TextDecoder();
  let rest = "";
  let number = 0;
  const take = (text: string, last: boolean): void => {
    rest += text;
    let start = 0;
    for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n", start)) {
      each(rest.slice(start, end).replace(/\r$/, ""), ++number);
      start = end + 1;
    }
    rest = rest.slice(start);
    if (last && rest !== "") each(rest.replace(/\r$/, ""), ++number);
    if (rest.length > maxLine) throw new Error(`"${path}": line ${number + 1} is longer than ${maxLine} characters`);
  };
  for await (const chunk of createReadStream(path)) {
    hash.update(chunk as Uint8Array);
    take(decoder.decode(chunk as Uint8Array, { stream: true }), false);
  }
  take(decoder.decode(), true);
  return hash.digest("hex");
}
