/** Every section of docs/papers.md that code, tests, recipes or documents cite exists. */
import { readdirSync } from "node:fs";
import { extname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { filesIn, read } from "../support/command-lines.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Sections as they are cited after the file's name: "1.1", "1.9, 1.10 and 3.2", "1.1 to 1.7". */
const number = String.raw`\d+(?:\.\d+)?`;
const cited = new RegExp(String.raw`papers\.md(?:[ :]+(${number}(?:(?:, | and | to |, and )${number})*))?`, "g");

/** The sections cited in a text, across the line breaks of comments; `undefined` for the file's name without one. */
function citations(text: string): (string | undefined)[] {
  const joined = text.replace(/\s*\n\s*(?:\/\/|\*(?!\/)|#)?\s*/g, " ");
  return [...joined.matchAll(cited)].flatMap(([, sections]) => sections?.match(new RegExp(number, "g")) ?? [undefined]);
}

const headings = new Set(
  [...read(join(root, "docs/papers.md")).matchAll(new RegExp(String.raw`^#{2,3} (${number})\.? `, "gm"))].map(
    ([, section]) => section,
  ),
);

test("citations are found in every form in which they are written", () => {
  expect(citations("// (papers.md 1.2: epsilon)")).toEqual(["1.2"]);
  expect(citations("papers.md 1.9, 1.10 and 3.2 number by number")).toEqual(["1.9", "1.10", "3.2"]);
  expect(citations("papers.md 1.1 to 1.7 and 13.")).toEqual(["1.1", "1.7", "13"]);
  expect(citations(" * after the paper (papers.md\n * 10.4), as")).toEqual(["10.4"]);
  expect(citations("// (papers.md 5.2, step 6)")).toEqual(["5.2"]);
  expect(citations("see papers.md for all")).toEqual([undefined]);
});

test("every citation is of a section that exists", () => {
  const files = [
    ...["src", "tests", "recipes", "scripts"].flatMap((folder) => filesIn(root, folder, "")),
    ...["docs", "models"].flatMap((folder) => filesIn(root, folder, ".md")),
    ...readdirSync(root)
      .filter((name) => name.endsWith(".md"))
      .map((name) => join(root, name)),
  ].filter((path) => [".ts", ".mjs", ".js", ".py", ".md"].includes(extname(path)) && !path.endsWith("papers.test.ts"));
  const found = files.flatMap((path) =>
    citations(read(path)).map((section) => ({ place: relative(root, path), section })),
  );
  // Documents may name the file itself; code cites a section of it.
  const unknown = found.filter(({ place, section }) =>
    section === undefined ? !place.endsWith(".md") : !headings.has(section),
  );
  expect(unknown).toEqual([]);
  expect(found.length).toBeGreaterThan(200);
  expect(headings.size).toBeGreaterThan(60);
});
