/** The package as npm sees it: a lock that `npm ci` accepts everywhere, exports that exist, a command that starts. */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string) => readFileSync(join(root, path), "utf8");

interface LockedPackage {
  version?: string;
  resolved?: string;
  optionalDependencies?: Record<string, string>;
}
const lock = JSON.parse(read("package-lock.json")) as { packages: Record<string, LockedPackage> };
const manifest = JSON.parse(read("package.json")) as { exports: Record<string, string>; bin: Record<string, string> };

test("the lock names no download addresses", () => {
  expect(Object.entries(lock.packages).filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
});

test("the lock has the binaries of every platform: npm ci refuses one that lacks any", () => {
  const missing = Object.entries(lock.packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter(
        (name) => !lock.packages[`node_modules/${name}`]?.version && !lock.packages[`${path}/node_modules/${name}`],
      )
      .map((name) => `${path} wants ${name}`),
  );
  expect(missing).toEqual([]);
});

test("every export is built from a source file", () => {
  for (const target of Object.values(manifest.exports).filter((one) => one.startsWith("./dist/"))) {
    expect(target).toMatch(/^\.\/dist\/[a-z]+\/index\.js$/);
    const source = target.replace("./dist/", "src/").replace(/\.js$/, ".ts");
    expect(existsSync(join(root, source)), source).toBe(true);
  }
});

test("the licence is Apache-2.0", () => {
  expect(read("LICENSE")).toMatch(/Apache License\s+Version 2\.0, January 2004/);
});

const command = join(root, manifest.bin["fovea"]!);
const fovea = (...words: string[]) => spawnSync(process.execPath, [command, ...words], { encoding: "utf8" });

test("the command starts, and tells success from failure by its exit status", () => {
  const help = fovea("--help");
  expect([help.status, help.stderr]).toEqual([0, ""]);
  expect(help.stdout).toMatch(/^fovea: .*\n(.*\n)*COMMANDS/);
  const unknown = fovea("dataa");
  expect([unknown.status, unknown.stdout]).toEqual([2, ""]);
  expect(unknown.stderr).toContain('unknown command "dataa"; did you mean "data"?');
  const failed = fovea("data", join(root, "nowhere"));
  expect([failed.status, failed.stdout]).toEqual([1, ""]);
});

test("help loads neither the engine nor the image library", () => {
  // A module is loaded when its native library is: none of their binaries may be open in a process that printed help.
  const script = `import { run } from ${JSON.stringify(new URL("../../dist/cli/main.js", import.meta.url).href)};
    await run(["--help"]); await run(["data", "--help"]);
    console.error(process.report.getReport().sharedObjects.filter((path) => path.endsWith(".node")).join());`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    encoding: "utf8",
  });
  expect([status, stderr]).toEqual([0, "\n"]);
  expect(stdout).toContain("USAGE fovea data");
});

test("a checkout that is not built says how to build it", () => {
  const folder = mkdtempSync(join(tmpdir(), "fovea-bin-"));
  try {
    mkdirSync(join(folder, "bin"));
    const copy = join(folder, "bin", "fovea.mjs");
    copyFileSync(command, copy);
    const { status, stderr } = spawnSync(process.execPath, [copy, "--help"], { encoding: "utf8" });
    expect(status).toBe(1);
    expect(stderr).toContain("this checkout is not built yet; run `npm ci`");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
