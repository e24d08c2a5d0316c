/** Every program of examples/ runs as it stands, on bundled data, and prints what it is meant to print. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

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

test.each(Object.entries(printed))("examples/%s", async (name, expected) => {
  const jiti = fileURLToPath(new URL("../../node_modules/jiti/lib/jiti-cli.mjs", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [jiti, `examples/${name}`], { cwd: root });
  expect(stdout).toMatch(expected);
});

test("the guide to operations shows the operation of its example", () => {
  const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
  const [, shown = ""] = read("docs/own-operation.md").match(/## Example\n.*?```ts\n(.*?)```/s) ?? [];
  expect(shown).toMatch(/defineOperation/);
  expect(read("examples/own-operation.ts")).toContain(shown.trim());
});
