/** Every command line that README, other documents, help and recipes show is one that the program understands. */
import { readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import * as definitions from "../../src/cli/definitions.js";
import { parseCommandLine } from "../../src/cli/main.js";
import { loadRecipe } from "../../src/train/index.js";
import { type CommandLine, filesIn, inComments, inMarkdown, read, shellWords } from "../support/command-lines.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const placeOf = (path: string) => relative(root, path);

const documents = [
  ...readdirSync(root)
    .filter((name) => name.endsWith(".md"))
    .map((name) => join(root, name)),
  ...["models", "docs", "recipes"].flatMap((folder) => filesIn(root, folder, ".md")),
];
const sources = ["recipes", "scripts", "src"].flatMap((folder) => filesIn(root, folder, ".ts"));
const examples = Object.values(definitions).flatMap(({ name, examples: shown }) =>
  shown.map(({ line }): CommandLine => {
    const words = shellWords(line);
    expect(words?.[0], line).toBe("fovea");
    return { place: `help of ${name}`, text: line, words: words!.slice(1), mention: false };
  }),
);
const lines = [
  ...documents.flatMap((path) => inMarkdown(read(path), placeOf(path))),
  ...sources.flatMap((path) => inComments(read(path), placeOf(path))),
  ...examples,
];

test("command lines are found where they stand", () => {
  const count = (place: string | RegExp) => lines.filter((line) => line.place.match(place)).length;
  expect(count("README.md")).toBeGreaterThan(40);
  expect(count(/^recipes\//)).toBeGreaterThan(20);
  expect(count(/^models\//)).toBeGreaterThan(8);
  expect(count("docs/results.md")).toBeGreaterThan(15);
  expect(count(/^help of /)).toBeGreaterThan(40);
  // Every command of the program is shown in its help.
  expect(new Set(examples.map(({ place }) => place)).size).toBe(Object.keys(definitions).length);
  const [line] = inComments("//   fovea train a.ts --x=1 \\\n//     --y='2 3'   # later\n", "here");
  expect(line).toEqual({
    place: "here",
    text: "train a.ts --x=1 --y='2 3'",
    words: ["train", "a.ts", "--x=1", "--y=2 3"],
    mention: false,
  });
});

describe.each([...new Set(lines.map(({ place }) => place))])("%s", (place) => {
  const own = [...new Map(lines.filter((line) => line.place === place).map((line) => [line.text, line])).values()];
  test.each(own.map((line) => [line.text, line] as const))("fovea %s", async (_, line) => {
    // These two are the program's own.
    if (line.mention && /^--(version|help)$/.test(line.text)) return;
    // What a sentence mentions may leave arguments out, and `...` stands for some; flags must be known all the same.
    const words = line.words.filter((word) => word !== "...");
    const lacks = line.mention ? /is missing|needs a value|^Missing required/ : undefined;
    const parsed = await parseCommandLine(words).catch((error: Error) => {
      if (!lacks?.test(error.message)) throw error;
    });
    if (!parsed) return;
    const { name, context } = parsed;
    if (name !== "train" || !context) return;
    // A recipe of this repository takes the settings as well.
    const { recipe } = context.args as unknown as { recipe: string };
    if (recipe.startsWith("recipes/")) await loadRecipe(join(root, recipe), context.overrides);
  });
});
