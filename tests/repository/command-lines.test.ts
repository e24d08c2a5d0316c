/** Every command line that README, other documents, help and recipes show is one that the program understands. */
import { readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parseCommandLine } from "../../src/cli/main.js";
import { commands } from "../../src/commands/index.js";
import { loadRecipe, type Override } from "../../src/train/index.js";
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
const examples = commands.flatMap(({ name, examples: shown }) =>
  shown.map(({ run }): CommandLine => {
    const words = shellWords(run);
    expect(words?.[0], run).toBe("fovea");
    return { place: `help of ${name}`, text: run, words: words!.slice(1), mention: false };
  }),
);
const lines = [
  // a line of usage in docs/cli.md is no command line
  ...documents.flatMap((path) =>
    inMarkdown(read(path), placeOf(path)).filter(({ text }) => !text.includes("[OPTIONS]")),
  ),
  ...sources.flatMap((path) => inComments(read(path), placeOf(path))),
  ...examples,
];

test("command lines are found where they stand", () => {
  const count = (place: string | RegExp) => lines.filter((line) => line.place.match(place)).length;
  expect(count("README.md")).toBeGreaterThan(10);
  expect(count(/^docs\/(?!cli|results)/)).toBeGreaterThan(40);
  expect(count(/^recipes\//)).toBeGreaterThan(20);
  expect(count(/^models\//)).toBeGreaterThan(8);
  expect(count("docs/results.md")).toBeGreaterThan(15);
  expect(count(/^help of /)).toBeGreaterThan(40);
  // Every command of the program is shown in its help.
  expect(new Set(examples.map(({ place }) => place)).size).toBe(commands.length);
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
    const lacks = line.mention ? /^missing argument|needs a value|needs a subcommand/ : undefined;
    let parsed: ReturnType<typeof parseCommandLine>;
    try {
      parsed = parseCommandLine(words);
    } catch (error) {
      if (lacks?.test((error as Error).message)) return;
      throw error;
    }
    const { name, options } = parsed;
    if (name !== "train" || !options) return;
    // A recipe of this repository takes the settings as well.
    const { recipe, settings } = options as { recipe: string; settings: readonly Override[] };
    if (recipe.startsWith("recipes/")) await loadRecipe(join(root, recipe), settings);
  });
});
