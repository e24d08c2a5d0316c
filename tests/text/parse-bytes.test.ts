/** Sizes of memory as people write them. */
import { expect, test } from "vitest";
import { parseBytes } from "../../src/text/parse-bytes.js";

test.each([
  ["2GB", 2e9],
  ["512MiB", 512 * 2 ** 20],
  ["1.5 GiB", 1.5 * 2 ** 30],
  ["  750 mb ", 750e6],
  ["0.5tb", 5e11],
  ["3KiB", 3072],
  ["1 kB", 1000],
  ["4096", 4096],
  ["17 B", 17],
])("%s", (text, bytes) => {
  expect(parseBytes(text)).toBe(bytes);
});

test.each(["", "GB", "-1GB", "0", "0.2 B", "2 G B", "2gigs", "1,5 GB", "1e9", "NaN", "2 GB free"])(
  "%j is refused",
  (text) => {
    expect(() => parseBytes(text)).toThrow(`"${text}" is not a size of memory; write it like 2GB, 512MiB or "1.5 GiB"`);
  },
);
