/** The check of language refuses phrases of its list wherever they stand, and passes on this repository. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterEach, beforeAll, expect, test } from "vitest";

type Exceptions = readonly (readonly [place: string, reason: string])[];

const root = fileURLToPath(new URL("../..", import.meta.url));
const script = join(root, "scripts/check-language.mjs");
const made: string[] = [];
let checkLanguage: (root: string, exceptions?: Exceptions) => string[];

beforeAll(async () => {
  ({ checkLanguage } = (await import(pathToFileURL(script).href)) as { checkLanguage: typeof checkLanguage });
});

afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true });
});

function tree(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "fovea-language-"));
  made.push(folder);
  mkdirSync(join(folder, "src/train"), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

test("this repository keeps the language, and lint checks it", () => {
  expect(checkLanguage(root)).toEqual([]);
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: { lint: string } };
  expect(scripts.lint).toContain("node scripts/check-language.mjs");
});

test.each([
  [
    "a comment",
    "src/a.ts",
    "/** Steps; 1 when left out. */\n",
    'src/a.ts:1: "when left out"; write default: X, or optional',
  ],
  ["a name", "src/a.ts", "/** A. */\nconst usualSize = 1;\n", 'src/a.ts:2: "usualSize"; write defaultX'],
  [
    "a phrase across lines",
    "src/a.ts",
    "/**\n * A. The size is one when\n * left out.\n */\n",
    'src/a.ts:2: "when left out"; write default: X, or optional',
  ],
  [
    "a document",
    "README.md",
    "# A\n\nWith patience.\n",
    'README.md:3: "patience"; write longer training (more epochs), retries',
  ],
])("refuses %s", (_name, file, text, offence) => {
  expect(checkLanguage(tree({ [file]: text }), [])).toEqual([offence]);
});

test("words that only contain a banned one pass", () => {
  const text = "/** Usually returned, by judgement of the default; unusualSize is left out. */\nconst saturned = 1;\n";
  expect(checkLanguage(tree({ "src/a.ts": text }), [])).toEqual([]);
});

test("an exception passes its folder alone, and is an offence when it is not needed", () => {
  const banned = "/** Turned. */\n";
  const exceptions = [["src/train", "not yet"]] as const;
  expect(checkLanguage(tree({ "src/train/a.ts": banned, "src/b.ts": banned }), exceptions)).toEqual([
    'src/b.ts:1: "Turned"; write transposed, rotated',
  ]);
  expect(checkLanguage(tree({ "src/train/a.ts": "/** A. */\n" }), exceptions)).toEqual([
    "scripts/check-language.mjs: the exception src/train is not needed any more; remove it",
  ]);
});

test("the command prints each offence and exits 1, or prints nothing and exits 0", () => {
  const refused = spawnSync(process.execPath, [script, tree({ "src/a.ts": "/** Turned. */\n" })], { encoding: "utf8" });
  expect(refused.status).toBe(1);
  expect(refused.stderr).toContain('src/a.ts:1: "Turned"; write transposed, rotated\n');
});
