/** Arguments of a command line: options of a command, settings of a recipe, arguments by their place, and what is none of them. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { parseArguments } from "../../src/cli/args.js";
import { command, UsageError } from "../../src/commands/command.js";
import dedup from "../../src/commands/dedup.js";
import exportNetwork from "../../src/commands/export.js";
import fewshot from "../../src/commands/fewshot.js";
import { argument, count, flag, list, option, share, sides, text } from "../../src/commands/options.js";
import train from "../../src/commands/train.js";
import { recipeSchema } from "../../src/train/recipe/recipe.js";
import { leafPaths } from "../../src/train/recipe/schema.js";

const parse = (...words: string[]) => parseArguments(words, train);
const strict = (...words: string[]) => parseArguments(words, fewshot);

describe("options", () => {
  test("before and after the arguments, with values of their types", () => {
    const { options, json } = strict(
      ...["--shots", "1,5", "run", "photos", "--json", "--test-split=val", "--seeds=3", "--image-size", "32,48"],
    );
    expect(json).toBe(true);
    expect(options).toMatchObject({ shots: [1, 5], backbone: "run", images: "photos", testSplit: "val", seeds: 3 });
    expect(options).toMatchObject({ imageSize: [32, 48], device: "cpu", method: "ridge" });
    expect(options["threads"]).toBeUndefined();
  });

  test("settings of a recipe keep their values", () => {
    const { options } = parse(
      ...["recipe.ts", "--model.depth", "4", "--optimizer.learningRate=3e-4", "--dry-run"],
      ...["--model.headBiasInit", "-6.9", "--model.rematerialise"],
    );
    expect(options).toMatchObject({ recipe: "recipe.ts", dryRun: true, resume: false });
    expect(options["settings"]).toEqual([
      { path: "model.depth", value: "4" },
      { path: "optimizer.learningRate", value: "3e-4" },
      { path: "model.headBiasInit", value: "-6.9" },
      { path: "model.rematerialise", value: "true" },
    ]);
  });

  test("a slip in an option is no setting", () => {
    expect(() => parse("recipe.ts", "--dry-rnu")).toThrow(/^unknown option --dry-rnu; did you mean "--dry-run"\?$/);
    expect(parse("recipe.ts", "--seed=3", "--batchSize", "8").options["settings"]).toEqual([
      { path: "seed", value: "3" },
      { path: "batchSize", value: "8" },
    ]);
    for (const key of leafPaths(recipeSchema).filter((path) => !path.includes("."))) {
      expect(() => parse("recipe.ts", `--${key}=1`)).not.toThrow();
    }
  });

  test("values with spaces, equals signs and leading dashes, and words after --", () => {
    const { options } = strict("--split=a=b c", "--", "--odd", "-x");
    expect(options).toMatchObject({ split: "a=b c", backbone: "--odd", images: "-x" });
  });

  test.each<[string[], RegExp]>([
    [["a", "b", "--shot=1"], /^unknown option --shot; did you mean "--shots"\?$/],
    [["a", "b", "-z"], /^unknown option -z$/],
    [["a", "b", "--shots"], /--shots needs a value: --shots=VALUE/],
    [["a", "b", "--shots", "--json"], /--shots needs a value/],
    [["a", "b", "--json=yes"], /--json takes no value, given "yes"/],
    [[], /^missing argument IMAGES\nusage: fovea fewshot \[BACKBONE\] IMAGES \[OPTIONS\]$/],
    [["a", "b", "c"], /^unexpected argument "c"$/],
    [["a", "b", "--backbone", "c"], /^unexpected argument "b": BACKBONE is given by --backbone already$/],
    [["a", "--shots=1,0"], /^--shots: expected whole numbers of at least 1, separated by commas, given "1,0"$/],
    [["a", "--seeds=1.5"], /^--seeds: expected a whole number of at least 1, given "1.5"$/],
    [["a", "--seeds="], /^--seeds: expected a whole number of at least 1, given ""$/],
    [["a", "--device=gpu"], /^--device: expected cpu, webgpu or cuda, given "gpu"; did you mean "cpu"\?$/],
    [["a", "--method=rigde"], /^--method: expected ridge, .* or logistic, given "rigde"; did you mean "ridge"\?$/],
    [["a", "--device=x", "--seeds=0"], /--seeds: .*\n--device: |--device: .*\n--seeds: /],
  ])("%j is refused", (words, message) => {
    expect(() => strict(...words)).toThrow(UsageError);
    expect(() => strict(...words)).toThrow(message);
  });

  test("numbers that are not exact or not decimal are refused", () => {
    for (const number of ["x", "1e3", "0x10", "99999999999999999999", "1 2"]) {
      expect(() => strict("a", `--seeds=${number}`)).toThrow(/--seeds: expected a whole number of at least 1, given/);
    }
  });
});

describe("arguments by their place", () => {
  test("a second one that must be given", () => {
    expect(() => parseArguments(["a"], exportNetwork)).toThrow(/^missing argument OUTPUT\nusage: fovea export NETWORK/);
  });

  test("an optional one in front takes the first of two words only", () => {
    expect(strict("photos").options).toMatchObject({ images: "photos" });
    expect(strict("photos").options["backbone"]).toBeUndefined();
    expect(strict("photos", "--backbone", "net.onnx").options).toMatchObject({
      images: "photos",
      backbone: "net.onnx",
    });
  });

  test("words that are left over belong to --against, once it is given", () => {
    const { options } = parseArguments(["up/", "--against", "a.tar", "b/", "--report", "x.html", "c/"], dedup);
    expect(options).toMatchObject({ images: "up/", against: ["a.tar", "b/", "c/"], report: "x.html", crops: true });
    expect(() => parseArguments(["up/", "b/"], dedup)).toThrow(/^unexpected argument "b\/"; give it after --against$/);
    expect(parseArguments(["up/", "--no-crops"], dedup).options["crops"]).toBe(false);
  });
});

test("every kind of value is read by its schema", () => {
  const kinds = command({
    name: "kinds",
    summary: "Read values of all kinds",
    options: {
      files: argument(list(text), "Files"),
      share: option(share.default(0.5), "A share"),
      size: option(sides.optional(), "A size"),
      literal: option(z.literal([1, 5]).default(1), "One of two"),
      levels: option(list(count).optional(), "Levels"),
      pair: option(z.tuple([count, count]).optional(), "Two"),
      on: option(flag, "On"),
    },
    renamed: { old: "--share" },
    examples: [{ run: "fovea kinds a", does: "read" }],
    result: z.object({}),
    run: async () => ({}),
    text: () => "",
  });
  const { options } = parseArguments(
    ["a,b", "c", "--share=1e-1", "--size", "7", "--literal=5", "--levels=1-3,7", "--pair=3,4", "--on"],
    kinds,
  );
  expect(options).toEqual({
    files: ["a,b", "c"],
    share: 0.1,
    size: 7,
    literal: 5,
    levels: [1, 2, 3, 7],
    pair: [3, 4],
    on: true,
  });
  for (const [word, message] of [
    ["--share=2", '--share: expected a number from 0 to 1, given "2"'],
    ["--literal=2", '--literal: expected 1 or 5, given "2"'],
    ["--pair=3", '--pair: expected N,N, given "3"'],
    ["--levels=3-1", '--levels: expected whole numbers of at least 1, separated by commas, given "3-1"'],
    ["--old=2", "--old is now --share"],
  ] as const) {
    expect(() => parseArguments(["a", word], kinds), word).toThrow(message);
  }
});
