/**
 * Every program of examples/, and README's commands and program, run as they stand and print what they are meant to print:
 * from the packed package in an empty project, on every Node that is promised.
 */
import { copyFileSync, cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inMarkdown, needsPublishedWeights, programsIn, read, shellWords } from "../support/command-lines.js";
import { everything } from "../support/extent.js";
import {
  emptyProject,
  installNodes,
  manifest,
  nodeVersions,
  packPackages,
  root,
} from "../support/installed-package.js";
import { imageFolder } from "../support/trained-run.js";

/** The last part of what each program prints. */
const printed: Readonly<Record<string, RegExp>> = {
  "classifier.ts": /expected accuracy: \d+ %.*saved and opened again: (hat|pants)\n$/s,
  "embed-images.ts": /^1536 features; cosine -?0\.\d{3}\n$/,
  "export-and-run.ts": /MB; \w+ [\d,]+ -> \[ \[ 1, 960 \] \]\n$/,
  "few-shot.ts": /1-shot: [\d.]+ ± [\d.]+ %\n5-shot: [\d.]+ ± [\d.]+ %\nchance: 33\.3 %\n$/,
  "foreign-weights.ts": /32 x 32 x 3 -> 128 features, the first: -?\d+\.\d{4}\n$/,
  "look-inside.ts": /attention-distance: .*similarity: .*report\.html\n$/s,
  "near-duplicates.ts": /groups; exclude \d+ training images/,
  "own-data-source.ts": /accuracy: (9\d|100) %.*name: 'level'/s,
  "own-operation.ts":
    /^d x: (-?\d+\.\d+), by differences \1\nd kernel: (-?\d+\.\d+), by differences \2\n78368 FLOPs for an image\nstep 0: loss 0\.[67]\d\nstep 39: loss 0\.[0-3]\d\n.*resumed: the same to the last bit\nexported: 1[4-6] of 16 right\n$/s,
  "own-loss.ts": /focal loss 0\.\d+, accuracy [789]\d %/,
  "own-model.ts": /accuracy [789]\d %\n(hat|pants) 32\n$/,
  "own-training-loop.ts": /^0 \d\.\d{3}\n.*\n19 0\.[0-5]\d\d\n$/s,
  "train.ts": /accuracy [\d.]+ % after \d+ s/,
};

test("every example is tested", () => {
  expect(readdirSync(new URL("../../examples", import.meta.url)).filter((name) => name.endsWith(".ts"))).toEqual(
    Object.keys(printed).sort(),
  );
});

/** The lines of README's commands that would take minutes, and what takes their place. */
const shorter: readonly (readonly [RegExp, string])[] = [
  [/^train recipes\/bit\.ts .*/, "$& --total.steps=2 --batchSize=8 --data.evaluation=null"],
  [/^(finetune .*)--batch 128 (.*)--steps 200$/, "$1--batch 8 $2--steps 5"],
  [/^vtab .*/, "$& --dry-run"],
];
const readme = read(join(root, "README.md"));
/** README's commands but for the quickstart, which has tests of its own, and those that download weights. */
const commands = inMarkdown(readme, "README.md")
  .filter(({ text, mention }) => !mention && !text.startsWith("quickstart") && !needsPublishedWeights.test(text))
  .map(({ text }) => shorter.reduce((line, [pattern, replaced]) => line.replace(pattern, replaced), text));

/** A Node that runs the programs, and where it runs them. */
interface Place {
  readonly title: string;
  readonly node: string;
  readonly installed: boolean;
}

const project = emptyProject();
afterAll(project.remove);
const { fovea: packed, data, runtime } = packPackages();
const nodes = project.install([packed, data, ...runtime]) ?? installNodes(project);
/** Every promised Node on the installed package; without a registry, this Node on the checkout. */
const places: readonly Place[] =
  typeof nodes === "string"
    ? [{ title: `the checkout, as no other can be installed (${nodes})`, node: process.execPath, installed: false }]
    : Object.entries(nodes).map(([version, node]) => ({ title: `Node ${version}, installed`, node, installed: true }));

/** The examples that a Node runs: the oldest all, each newer one a third where not everything is tested. */
const examplesOf = (age: number) =>
  Object.entries(printed).filter((_, i) => everything || age === 0 || i % nodeVersions.length === age);

test("the oldest Node that is promised is tested", () => {
  expect(`>=${nodeVersions[0]}`).toBe(`${manifest.engines.node}.0`);
});

describe.each(places)("$title", ({ title, node, installed }) => {
  // The oldest has age 0.
  const age = places.findIndex((place) => place.title === title);
  const packages = join(installed ? project.folder : root, "node_modules");
  const jiti = join(packages, "jiti/lib/jiti-cli.mjs");
  const fovea = join(packages, "fovea/bin/fovea.js");
  // A folder of its own below the project, so that no Node finds what another one wrote.
  const home = installed ? join(project.folder, title.replace(/\W+/g, "-")) : root;
  const run = (args: readonly string[]) => project.execute(node, args, { node, cwd: home });

  beforeAll(async () => {
    if (!installed) return;
    cpSync(join(root, "examples"), join(home, "examples"), { recursive: true });
    await imageFolder(join(home, "photos"), { boots: 6, hats: 6, shirts: 6 }, 40);
    await imageFolder(join(home, "new-photos"), { boots: 3, hats: 3, shirts: 3 }, 36);
    copyFileSync(join(home, "photos/hats/1.png"), join(home, "photo.jpg"));
  });

  test.each(examplesOf(age))("examples/%s", async (name, expected) => {
    const { stdout, stderr, status } = await run([jiti, `examples/${name}`]);
    expect(stdout, stderr).toMatch(expected);
    expect(status).toBe(0);
  });

  describe.runIf(installed)("README", () => {
    test.runIf(everything || age === 0).each(commands)("fovea %s", async (line) => {
      const { status, stdout, stderr } = await run([fovea, ...(shellWords(line) ?? [])]);
      expect(status, stderr).toBe(0);
      expect(stdout.length).toBeGreaterThan(10);
    });

    test.each(programsIn(readme).map((text, i) => [i, text] as const))("program %i", async (i, text) => {
      writeFileSync(join(home, `readme-${i}.ts`), text);
      const { status, stdout, stderr } = await run([jiti, `readme-${i}.ts`]);
      expect(status, stderr).toBe(0);
      expect(stdout).toMatch(/^[\d.]+ \[ [\d., ]+\]\n\[.*name: 'hats'/s);
      expect(existsSync(join(home, "models/shoes/classifier.json"))).toBe(true);
    });
  });
});

test("the guide to operations shows the operation of its example", () => {
  const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
  const [, shown = ""] = read("docs/own-operation.md").match(/## Example\n.*?```ts\n(.*?)```/s) ?? [];
  expect(shown).toMatch(/defineOperation/);
  expect(read("examples/own-operation.ts")).toContain(shown.trim());
});
