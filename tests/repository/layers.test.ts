/** The check of layers refuses what it should, on trees made for the purpose, and passes on this one. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterEach, beforeAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const script = join(root, "scripts/check-layers.mjs");
const made: string[] = [];
let checkLayers: (root: string) => string[];

beforeAll(async () => {
  ({ checkLayers } = (await import(pathToFileURL(script).href)) as { checkLayers: (root: string) => string[] });
});

afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true });
});

function tree(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), "fovea-layers-"));
  made.push(folder);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

test("this repository keeps its layers", () => {
  expect(checkLayers(root)).toEqual([]);
});

test("imports that point down pass", () => {
  const folder = tree({
    "src/graph/index.ts": "export const a = 1;\n",
    "src/models/vit.ts": 'import { a } from "../graph/index.js";\nimport { b } from "./bit.js";\nexport { a, b };\n',
    "src/models/bit.ts": "export const b = 2;\n",
    "src/runtime/session.ts": 'import ort from "onnxruntime-node";\nexport { ort };\n',
    "src/images/decode.ts": 'import sharp from "sharp";\nexport { sharp };\n',
    "src/cli/main.ts": 'export { a } from "../graph/index.js";\nconst later = () => import("../images/decode.js");\n',
    "recipes/one.ts": 'import { defineRecipe } from "fovea/train";\nimport two from "./two.js";\n',
  });
  expect(checkLayers(folder)).toEqual([]);
});

test.each([
  [
    "a static import up",
    "src/graph/a.ts",
    'import { vit } from "../models/vit.js";\n',
    /^src\/graph\/a\.ts:1: import "\.\.\/models\/vit\.js": src\/graph may import only src\/formats, src\/files, src\/text, src\/random, not src\/models$/,
  ],
  [
    "a type import up",
    "src/data/a.ts",
    '\n\nimport type { T } from "../graph/index.js";\n',
    /^src\/data\/a\.ts:3: .*src\/data may import only src\/images, src\/text, src\/random, src\/formats, src\/files, not src\/graph$/,
  ],
  [
    "a dynamic import up",
    "src/nn/a.ts",
    'const x = () => import("../runtime/index.js");\n',
    /src\/nn may import only .* not src\/runtime$/,
  ],
  ["a re-export up", "src/models/a.ts", 'export { a } from "../weights/index.js";\n', /not src\/weights$/],
  ["sideways", "src/optim/a.ts", 'import "../nn/index.js";\n', /src\/optim may import only/],
  [
    "ONNX Runtime elsewhere",
    "src/weights/a.ts",
    'import type { Tensor } from "onnxruntime-common";\n',
    /reached through src\/runtime$/,
  ],
  [
    "ONNX Runtime elsewhere, as packed",
    "src/weights/a.ts",
    'import { Tensor } from "fovea-onnxruntime";\n',
    /reached through src\/runtime$/,
  ],
  ["sharp in a report", "src/report/a.ts", 'import sharp from "sharp";\n', /decoded through src\/images/],
  [
    "a recipe reaching in",
    "recipes/a.ts",
    'import { x } from "../src/train/recipe.js";\n',
    /recipes use the public API only/,
  ],
  ["the package by name", "src/train/a.ts", 'import { x } from "fovea/data";\n', /inside src\/ use a relative import$/],
  ["out of src", "src/cli/a.ts", 'import x from "../../package.json";\n', /src\/ imports nothing outside itself$/],
  ["an unknown layer", "src/misc/a.ts", "export const a = 1;\n", /src\/misc is no known layer/],
  ["a file in no layer", "src/a.ts", "export const a = 1;\n", /every source file belongs to a layer/],
  ["a long file", "tests/a.test.ts", "// line\n".repeat(401), /^tests\/a\.test\.ts: 401 lines; a file has at most 400/],
  [
    "export *",
    "src/models/index.ts",
    'export * from "./vit.js";\n',
    /^src\/models\/index\.ts: "export \*" hides what a module offers/,
  ],
  [
    "a module's own index",
    "src/data/kinds/tar.ts",
    'import { a } from "../index.js";\n',
    /src\/data\/kinds\/tar\.ts:1: .*a module does not import its own index\.ts/,
  ],
  [
    "a module's own public names",
    "src/data/kinds/tar.ts",
    'import { a } from "../public.js";\n',
    /src\/data\/kinds\/tar\.ts:1: .*a module does not import its own public\.ts/,
  ],
])("refuses %s", (_name, path, text, message) => {
  const offences = checkLayers(tree({ [path]: text }));
  expect(offences).toHaveLength(1);
  expect(offences[0]).toMatch(message);
});

test("a module with an index.ts is entered through it, or through that of a folder below", () => {
  const files = {
    "src/graph/index.ts": 'export { a } from "./ops/a.js";\n',
    "src/graph/ops/index.ts": 'export { a } from "./a.js";\n',
    "src/graph/ops/a.ts": "export const a = 1;\n",
    "src/graph/onnx/b.ts": 'import { a } from "../ops/a.js";\nexport const b = a;\n',
    "src/text/format.ts": "export const c = 1;\n",
    "src/nn/a.ts": 'export { a } from "../graph/index.js";\nexport { a as b } from "../graph/ops/index.js";\n',
    // A module without an index.ts is a set of files.
    "src/nn/c.ts": 'export { c } from "../text/format.js";\n',
  };
  expect(checkLayers(tree(files))).toEqual([]);
  const past = { ...files, "src/nn/b.ts": 'import type { a } from "../graph/ops/a.js";\n' };
  expect(checkLayers(tree(past))).toEqual([
    'src/nn/b.ts:1: import "../graph/ops/a.js": import src/graph/index.ts, or the index.ts of a folder below it, which has what other modules may use',
  ]);
});

test("folders that import each other in a circle are named with the imports, types included", () => {
  const folder = tree({
    "src/data/index.ts": 'export { a } from "./kinds/a.js";\n',
    "src/data/kinds/a.ts": 'import type { B } from "../views/b.js";\nexport const a: B = 1;\n',
    "src/data/views/b.ts": 'import { c } from "../source/c.js";\nexport type B = typeof c;\n',
    "src/data/source/c.ts": '\nimport { a } from "../kinds/a.js";\nexport const c = a;\n',
  });
  expect(checkLayers(folder)).toEqual([
    "circle of folders src/data/kinds -> src/data/views -> src/data/source -> src/data/kinds: src/data/kinds/a.ts:1 imports src/data/views, src/data/views/b.ts:1 imports src/data/source, src/data/source/c.ts:2 imports src/data/kinds; move what both need below them",
  ]);
});

test("a public.ts names what users of the package may import, also from folders below, and is no file of its folder", () => {
  const files = {
    "src/graph/public.ts": 'export { a } from "./ops/a.js";\n',
    "src/graph/index.ts": "export {};\n",
    "src/graph/ops/a.ts": 'import { b } from "../b.js";\nexport const a = b;\n',
    "src/graph/b.ts": "export const b = 1;\n",
    "src/train/recipe.ts": 'export { a } from "../graph/public.js";\n',
    ...Object.fromEntries(Array.from({ length: 14 }, (_, i) => [`src/graph/file${i}.ts`, "export {};\n"])),
  };
  expect(checkLayers(tree(files))).toEqual([]);
});

test("a folder has at most 16 files, unless it is a table", () => {
  const many = (folder: string) =>
    Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`${folder}/file${i}.ts`, "export {};\n"]));
  expect(checkLayers(tree(many("src/nn")))).toEqual([
    "src/nn: 17 files; a folder has at most 16, divide it by what the files hold",
  ]);
  expect(checkLayers(tree(many("src/graph/ops")))).toEqual([]);
});

test("an exception that is not needed any more is an offence of the repository itself", () => {
  const offences = checkLayers(tree({ "scripts/check-layers.mjs": "", "src/nn/a.ts": "export {};\n" }));
  expect(offences.length).toBeGreaterThan(1);
  for (const offence of offences)
    expect(offence).toMatch(/^scripts\/check-layers\.mjs: the exception ".*" is not needed/);
});

test("the command names each offence and exits 1, or says nothing and exits 0", () => {
  const bad = tree({ "src/graph/a.ts": 'import "../nn/index.js";\nimport "../cli/main.js";\n' });
  const refused = spawnSync(process.execPath, [script, bad], { encoding: "utf8" });
  expect(refused.status).toBe(1);
  expect(refused.stderr.trim().split("\n")).toEqual([
    'src/graph/a.ts:1: import "../nn/index.js": src/graph may import only src/formats, src/files, src/text, src/random, not src/nn',
    'src/graph/a.ts:2: import "../cli/main.js": src/graph may import only src/formats, src/files, src/text, src/random, not src/cli',
    "check-layers: 2 offences",
  ]);
  const passed = spawnSync(process.execPath, [script, tree({ "src/graph/a.ts": "" })], { encoding: "utf8" });
  expect([passed.status, passed.stdout, passed.stderr]).toEqual([0, "", ""]);
});

test("imports in comments and strings are none", () => {
  const folder = tree({
    "src/graph/a.ts": '// import { vit } from "../models/vit.js";\nexport const s = `import "../models/vit.js"`;\n',
  });
  expect(checkLayers(folder)).toEqual([]);
});
