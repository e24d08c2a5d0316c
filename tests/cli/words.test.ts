/** Command-line words: flags, settings of a recipe, positional arguments, and what is none of them. */
import { parseArgs } from "citty";
import { describe, expect, test } from "vitest";
import { commonArguments } from "../../src/cli/command.js";
import * as definitions from "../../src/cli/definitions.js";
import { sortWords, UsageError, wholeNumber, wholeNumbers } from "../../src/cli/words.js";
import { recipeSchema } from "../../src/train/recipe/recipe.js";
import { leafPaths } from "../../src/train/recipe/schema.js";

const train = { ...definitions.train.arguments, ...commonArguments };
const fewshot = { ...definitions.fewshot.arguments, ...commonArguments };
const sort = (...words: string[]) => sortWords(words, train, { settings: true });
const strict = (...words: string[]) => sortWords(words, fewshot, { settings: false });

describe("sorting", () => {
  test("flags before and after the positional arguments", () => {
    const { known, settings } = strict(
      "--shots",
      "1,5",
      "run",
      "-h",
      "photos",
      "--json",
      "--test-split=val",
      "--seeds=3",
    );
    expect(settings).toEqual([]);
    const args = parseArgs(known, fewshot);
    expect(args).toMatchObject({
      shots: "1,5",
      network: "run",
      source: "photos",
      json: true,
      help: true,
      seeds: "3",
    });
    expect(args["test-split"]).toBe("val");
    expect(args["device"]).toBe("cpu");
  });

  test("settings of a recipe keep their values", () => {
    const { known, settings } = sort(
      "recipe.ts",
      "--model.depth",
      "4",
      "--optimizer.learningRate=3e-4",
      "--dry-run",
      "--model.headBiasInit",
      "-6.9",
      "--model.rematerialise",
    );
    expect(settings).toEqual([
      "--model.depth",
      "4",
      "--optimizer.learningRate=3e-4",
      "--model.headBiasInit",
      "-6.9",
      "--model.rematerialise",
    ]);
    expect(parseArgs(known, train)).toMatchObject({ recipe: "recipe.ts", "dry-run": true });
  });

  test("a slip in a flag is no setting", () => {
    expect(() => sort("recipe.ts", "--dry-rnu")).toThrow(/^unknown flag --dry-rnu; did you mean "--dry-run"\?$/);
    expect(sort("recipe.ts", "--seed=3", "--batchSize", "8").settings).toEqual(["--seed=3", "--batchSize", "8"]);
  });

  test("values with spaces, equals signs and leading dashes, and words after --", () => {
    const { known } = strict("--split=a=b c", "--", "--odd", "-x");
    expect(parseArgs(known, fewshot)).toMatchObject({ split: "a=b c", network: "--odd", source: "-x" });
  });

  test.each<[string[], RegExp]>([
    [["a", "b", "--shot=1"], /^unknown flag --shot; did you mean "--shots"\?$/],
    [["a", "b", "-z"], /^unknown flag -z$/],
    [["a", "b", "--shots"], /--shots needs a value: --shots=VALUE/],
    [["a", "b", "--shots", "--json"], /--shots needs a value/],
    [["a", "b", "--json=yes"], /--json takes no value, given "yes"/],
    [[], /NETWORK is missing/],
    [["a", "b", "c"], /"c" is one word too many/],
  ])("%j is refused", (words, message) => {
    expect(() => strict(...words)).toThrow(UsageError);
    expect(() => strict(...words)).toThrow(message);
  });

  test("a second positional argument that must be there", () => {
    const args = { ...definitions.exportNetwork.arguments, ...commonArguments };
    expect(() => sortWords(["a"], args, { settings: false })).toThrow(/OUTPUT is missing: File to write/);
  });
});

test("numbers are whole and named when they are not", () => {
  expect(wholeNumber("12", "seeds")).toBe(12);
  expect(wholeNumbers("1, 5,10", "shots", 1)).toEqual([1, 5, 10]);
  for (const text of ["", "x", "1.5", "1e3", "99999999999999999999"]) {
    expect(() => wholeNumber(text, "seeds")).toThrow(/--seeds: ".*" is not a whole number from 0/);
  }
  expect(() => wholeNumbers("1,0", "shots", 1)).toThrow(/--shots: "0" is not a whole number from 1/);
});

describe("definitions", () => {
  test("no setting at the top of a recipe looks like a slip in a flag of train", () => {
    for (const key of leafPaths(recipeSchema).filter((path) => !path.includes("."))) {
      expect(() => sort("recipe.ts", `--${key}=1`)).not.toThrow();
    }
  });

  const all = Object.values(definitions);

  test.each(all.map((definition) => [definition.name, definition] as const))(
    "%s has runnable examples",
    (name, definition) => {
      expect(definition.examples.length).toBeGreaterThan(0);
      const args = { ...definition.arguments, ...commonArguments };
      for (const { line, does } of definition.examples) {
        expect(line.startsWith(`fovea ${name}`)).toBe(true);
        expect(does).not.toBe("");
        const words = [...line.slice(`fovea ${name}`.length).matchAll(/"([^"]*)"|(\S+)/g)].map(([, a, b]) => a ?? b!);
        const variadic = "variadic" in definition && definition.variadic === true;
        const settings = "overrides" in definition && definition.overrides === true;
        expect(() => sortWords(words, args, { settings, variadic })).not.toThrow();
      }
    },
  );

  test("each is listed once, with a summary of one line", () => {
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    for (const { summary } of all) expect(summary).toMatch(/^[A-Z][^\n]{10,110}[^.\n]$/);
  });
});
