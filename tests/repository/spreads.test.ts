/** The check of spread arguments refuses what overflows the stack, lets pass what cannot, and passes on this repository. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterEach, beforeAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const script = join(root, "scripts/check-spreads.mjs");
const made: string[] = [];
let checkSpreads: (root: string) => string[];

beforeAll(async () => {
  ({ checkSpreads } = (await import(pathToFileURL(script).href)) as { checkSpreads: (root: string) => string[] });
});
afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true });
});

function tree(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "fovea-spreads-"));
  made.push(folder);
  mkdirSync(join(folder, "src/a"), { recursive: true });
  writeFileSync(join(folder, "src/a/a.ts"), text);
  return folder;
}

test("this repository has none, and lint looks", () => {
  expect(checkSpreads(root)).toEqual([]);
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: { lint: string } };
  expect(scripts.lint).toContain("node scripts/check-spreads.mjs");
});

test.each([
  ["const x = Math.max(...values);", "max", "largest(array)"],
  ["const x = Math.min(0, ...rows.map(({ n }) => n));", "min", "smallest(array)"],
  ["list.push(first, ...others);", "push", "append(array, items)"],
  ["const x = Math.max.apply(undefined, values);", "max", "largest(array)"],
  ["const x = Math.hypot(...row);", "hypot", "a loop"],
  ["const s = String.fromCharCode(...bytes);", "fromCharCode", "a TextDecoder, or a loop and join"],
  ["list.push(...(given ? found : []));", "push", "append(array, items)"],
  ["list.push(...[0, ...found]);", "push", "append(array, items)"],
])("refuses %s", (text, name, instead) => {
  expect(checkSpreads(tree(`\n${text}\n`))).toEqual([
    `src/a/a.ts:2: ${name}(...array) overflows the stack where the array is large; write ${instead} (src/text/arrays.ts)`,
  ]);
});

test("what is written out, and what is no argument, passes", () => {
  const text = `list.push(...(wanted ? [one] : []), ...[1, 2]);
    const x = [...a, ...b];
    const y = { max: Math.max(a, b), ...rest };
    // Math.max(...values)
    const z = "Math.max(...values)";
    list.push({ ...one }, [...two]);
    operation.apply(image, amount);
    run(...words);
  `;
  expect(checkSpreads(tree(text))).toEqual([]);
});

test("the command names each offence and exits 1, or says nothing and exits 0", () => {
  const refused = spawnSync(process.execPath, [script, tree("a.push(...b);\nMath.min(...c);\n")], { encoding: "utf8" });
  expect(refused.status).toBe(1);
  expect(
    refused.stderr
      .trim()
      .split("\n")
      .map((line) => line.slice(0, 14)),
  ).toEqual(["src/a/a.ts:1: ", "src/a/a.ts:2: ", "check-spreads:"]);
  const passed = spawnSync(process.execPath, [script, tree("")], { encoding: "utf8" });
  expect([passed.status, passed.stdout, passed.stderr]).toEqual([0, "", ""]);
});
