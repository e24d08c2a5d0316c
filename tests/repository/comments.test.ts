/** The check of comments refuses what it should, on trees made for the purpose, and passes on this repository. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterEach, beforeAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const script = join(root, "scripts/check-comments.mjs");
const made: string[] = [];
let checkComments: (root: string) => string[];

beforeAll(async () => {
  ({ checkComments } = (await import(pathToFileURL(script).href)) as { checkComments: (root: string) => string[] });
});

afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true });
});

function tree(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "fovea-comments-"));
  made.push(folder);
  mkdirSync(join(folder, "src"));
  writeFileSync(join(folder, "src/a.ts"), text);
  return folder;
}

test("this repository keeps the style", () => {
  expect(checkComments(root)).toEqual([]);
});

test("doc comments at the head and on exports, and line comments inside, pass", () => {
  const text = [
    "/** What it is for. */",
    'import { b } from "./b.js";',
    "",
    "// A remark on what follows, which documents nothing.",
    "",
    "/** What it gives. */",
    "export const a = () => {",
    "  // Why.",
    "  return b;",
    "};",
    "",
    "// biome-ignore lint/suspicious/noExplicitAny: an example",
    "export type Any = any;",
    "",
    "/** A shape. */",
    "interface Shape {",
    "  /** Pixels. */",
    "  readonly width: number;",
    "}",
    "export type { Shape };",
    "",
  ];
  expect(checkComments(tree(text.join("\n")))).toEqual([]);
  expect(checkComments(tree(`#!/usr/bin/env node\n${text.join("\n")}`))).toEqual([]);
});

test.each([
  ["no head", "export const a = 1;\n", "src/a.ts:1: a file opens with /** what it is for */"],
  [
    "a line comment as head",
    "// For this.\nexport const a = 1;\n",
    "src/a.ts:1: a file opens with /** what it is for */",
  ],
  [
    "a line comment on an export",
    "/** Head. */\n\n// Says what a is.\nexport const a = 1;\n",
    "src/a.ts:3: an export is documented by /** ... */",
  ],
  [
    "a doc comment inside of a function",
    "/** Head. */\nimport b from './b.js';\nfunction a() {\n  /** Adds. */\n  const c = () => b;\n  return c;\n}\na();\n",
    "src/a.ts:4: inside of a function a comment is // ...",
  ],
])("refuses %s", (_name, text, offence) => {
  expect(checkComments(tree(text))).toEqual([offence]);
});

test("the command names each offence and exits 1, or says nothing and exits 0", () => {
  const refused = spawnSync(process.execPath, [script, tree("const a = 1;\n")], { encoding: "utf8" });
  expect(refused.status).toBe(1);
  expect(refused.stderr).toBe("src/a.ts:1: a file opens with /** what it is for */\ncheck-comments: 1 offence\n");
  const passed = spawnSync(process.execPath, [script, tree("/** A. */\n")], { encoding: "utf8" });
  expect([passed.status, passed.stdout, passed.stderr]).toEqual([0, "", ""]);
});
