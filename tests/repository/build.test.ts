/** The build replaces dist/ whole and without a gap, and `prepare` builds only what has changed. On a small tree of its own. */
import { type SpawnSyncReturns, spawn, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const made: string[] = [];

afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true });
});

const writeBackbone = `import { writeFile } from "node:fs/promises";
export const writeBackboneOnnx = (folder: string) => writeFile(folder + "/model.onnx", "made of it");
`;

function tree(): string {
  const folder = mkdtempSync(join(tmpdir(), "fovea-build-"));
  made.push(folder);
  for (const path of ["scripts/build.mjs", "scripts/write-onnx.mjs", "src/files/exchange.ts", "src/files/koffi.ts"]) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    copyFileSync(join(root, path), join(folder, path));
  }
  for (const name of ["tsconfig.json", "tsconfig.build.json", "package.json", "package-lock.json"]) {
    copyFileSync(join(root, name), join(folder, name));
  }
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  mkdirSync(join(folder, "models/tiny"), { recursive: true });
  writeFileSync(join(folder, "models/tiny/model.safetensors"), "weights");
  mkdirSync(join(folder, "src/export"));
  writeFileSync(join(folder, "src/export/index.ts"), writeBackbone);
  writeFileSync(join(folder, "src/files/gone.ts"), "export const gone = 1;\n");
  return folder;
}

const build = (folder: string, ...words: string[]): SpawnSyncReturns<string> =>
  spawnSync(process.execPath, [join(folder, "scripts/build.mjs"), ...words], { encoding: "utf8" });
const temporary = (folder: string) => readdirSync(folder).filter((name) => name.startsWith("dist."));

test("prepare builds once, and again when a source, or a file that was made, is another", () => {
  const folder = tree();
  const identity = () => statSync(join(folder, "dist")).ino;
  expect(build(folder, "--if-changed")).toMatchObject({ status: 0, stderr: "" });
  expect(readFileSync(join(folder, "models/tiny/model.onnx"), "utf8")).toBe("made of it");
  expect(existsSync(join(folder, "dist/files/gone.js"))).toBe(true);
  const first = identity();
  expect(build(folder, "--if-changed").status).toBe(0);
  expect(identity()).toBe(first);

  rmSync(join(folder, "src/files/gone.ts"));
  expect(build(folder, "--if-changed").status).toBe(0);
  expect(existsSync(join(folder, "dist/files/gone.js"))).toBe(false);
  const second = identity();
  expect(second).not.toBe(first);

  rmSync(join(folder, "models/tiny/model.onnx"));
  expect(build(folder, "--if-changed").status).toBe(0);
  expect(existsSync(join(folder, "models/tiny/model.onnx"))).toBe(true);
  expect(temporary(folder)).toEqual([]);
});

test("a build that fails leaves the old dist, and one that was killed leaves nothing for long", () => {
  const folder = tree();
  expect(build(folder).status).toBe(0);
  writeFileSync(join(folder, "src/files/gone.ts"), "export const gone: string = 1;\n");
  const failed = build(folder);
  expect(failed.status).toBe(1);
  expect(failed.stdout).toContain("src/files/gone.ts(1,14): error TS2322");
  expect(existsSync(join(folder, "dist/files/gone.js"))).toBe(true);

  // 2 ** 22 is above any process id of Linux, so no process has it.
  mkdirSync(join(folder, `dist.building-${2 ** 22 + 1}`));
  writeFileSync(join(folder, "src/files/gone.ts"), "export const gone = 2;\n");
  expect(build(folder).status).toBe(0);
  expect(readFileSync(join(folder, "dist/files/gone.js"), "utf8")).toContain("gone = 2");
  expect(temporary(folder)).toEqual([]);
});

test("dist is there all the time while a build replaces it", async () => {
  const folder = tree();
  expect(build(folder).status).toBe(0);
  const file = join(folder, "dist/export/index.js");
  const before = statSync(file).ino;
  const child = spawn(process.execPath, [join(folder, "scripts/build.mjs")], { stdio: "inherit" });
  let status: number | null | undefined;
  child.on("exit", (code) => {
    status = code;
  });
  let gaps = 0;
  while (status === undefined) {
    for (let look = 0; look < 2000; look++) if (!existsSync(file)) gaps++;
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect([status, gaps]).toEqual([0, 0]);
  expect(statSync(file).ino).not.toBe(before);
});
