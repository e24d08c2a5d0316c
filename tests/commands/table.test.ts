/** The table of commands: names, examples, help, defaults, and docs/cli.md, which are all derived from it. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { setOrigins } from "../../src/benchmarks/robustness/index.js";
import { suiteNames, sweepNames } from "../../src/benchmarks/vtab/index.js";
import { cliDocument } from "../../src/cli/document.js";
import { commandHelp, programHelp } from "../../src/cli/help.js";
import convert from "../../src/commands/convert.js";
import corruptions from "../../src/commands/corruptions.js";
import { bare, describeOptions } from "../../src/commands/describe.js";
import finetune from "../../src/commands/finetune.js";
import imagenetSets from "../../src/commands/imagenet-sets.js";
import { commands, renamedCommands } from "../../src/commands/index.js";
import { evaluatorNames } from "../../src/commands/options.js";
import study from "../../src/commands/study.js";
import vtab from "../../src/commands/vtab.js";
import { corruptionNames, severities, severityTables } from "../../src/images/index.js";
import { devices } from "../../src/runtime/index.js";
import { scaleNames } from "../../src/studies/index.js";
import { fineTuningRules } from "../../src/train/index.js";
import { evaluators } from "../../src/transfer/index.js";
import { layouts } from "../../src/weights/layouts/index.js";

const root = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const named = commands.map((command) => [command.name, command] as const);

/** The values that an option chooses from. */
function choicesOf(command: (typeof commands)[number], key: string): unknown[] {
  const type = describeOptions(command).find((one) => one.key === key)?.type;
  const element = type instanceof z.ZodArray ? bare(type.element) : type;
  if (element instanceof z.ZodEnum) return [...element.options].sort();
  if (element instanceof z.ZodLiteral) return [...element.values].sort();
  return expect.fail(`${command.name} has no choice ${key}`);
}

test("each command is listed once, with a summary of one line", () => {
  expect(new Set(commands.map(({ name }) => name)).size).toBe(commands.length);
  for (const { summary } of commands) expect(summary).toMatch(/^[A-Z][^\n]{10,90}[^.\n]$/);
  for (const old of Object.keys(renamedCommands)) expect(commands.map(({ name }) => name)).not.toContain(old);
});

describe.each(named)("%s", (name, command) => {
  test("has examples of its own", () => {
    expect(command.examples.length).toBeGreaterThan(0);
    for (const { run, does } of command.examples) {
      expect(run.startsWith(`fovea ${name}`)).toBe(true);
      expect(does).toMatch(/^[^\n]+[^.\n]$/);
    }
  });

  test("describes every option, and what it returns", () => {
    for (const { flag, description } of describeOptions(command)) {
      expect(description, flag).not.toBe("");
      // A default is stated once: from the schema, or in the description where the command works it out.
      expect(description, flag).not.toMatch(/when left out/);
    }
    for (const one of describeOptions(command).filter(({ default: value }) => value !== undefined && value !== false)) {
      expect(one.description, one.flag).not.toMatch(/\(default: (?!embedded:)/);
    }
    expect(() => z.toJSONSchema(command.result)).not.toThrow();
    expect(() => z.toJSONSchema(command.options)).not.toThrow();
  });

  test.each([60, 80, 200])("help at %i columns is no wider than that, nor than 100", (width) => {
    const lines = commandHelp(command, width).split("\n");
    const most = Math.max(...lines.map(({ length }) => length));
    expect(most).toBeLessThanOrEqual(Math.min(width, 100));
  });
});

test("the help of the program fits into 100 columns", () => {
  for (const line of programHelp(commands, 200).split("\n")) expect(line.length).toBeLessThanOrEqual(100);
});

test("choices are those that the libraries know", () => {
  const withDevice = commands.filter((command) => "device" in command.options.shape);
  expect(withDevice.length).toBeGreaterThan(5);
  for (const command of withDevice) expect(choicesOf(command, "device")).toEqual([...devices].sort());
  expect([...evaluatorNames].sort()).toEqual(evaluators.map(({ name }) => name).sort());
  expect(choicesOf(corruptions, "corruptions")).toEqual([...corruptionNames].sort());
  expect(choicesOf(corruptions, "severities")).toEqual([...severities]);
  expect(choicesOf(corruptions, "table")).toEqual(Object.keys(severityTables).sort());
  expect(choicesOf(imagenetSets, "set")).toEqual(Object.keys(setOrigins).sort());
  expect(choicesOf(finetune, "rule")).toEqual([...fineTuningRules].sort());
  expect(choicesOf(convert, "layout")).toEqual([...new Set(layouts.map(({ name }) => name))].sort());
  expect(choicesOf(study, "scale")).toEqual([...scaleNames].sort());
  expect(choicesOf(vtab, "suite")).toEqual([...suiteNames].sort());
  expect(choicesOf(vtab, "sweep")).toEqual([...sweepNames].sort());
});

test("docs/cli.md is up to date", () => {
  const written = readFileSync(root("docs/cli.md"), "utf8");
  expect(written, "run `npx jiti scripts/write-cli-docs.ts`").toBe(cliDocument());
});
