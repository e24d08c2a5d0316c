/** The package as npm sees it: a lock that `npm ci` accepts everywhere, exports that exist, a command that starts. */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string) => readFileSync(join(root, path), "utf8");

interface LockedPackage {
  version?: string;
  resolved?: string;
  link?: boolean;
  optionalDependencies?: Record<string, string>;
  engines?: Record<string, string>;
  hasInstallScript?: boolean;
  dev?: boolean;
  devOptional?: boolean;
}
const lock = JSON.parse(read("package-lock.json")) as { packages: Record<string, LockedPackage> };
const manifest = JSON.parse(read("package.json")) as {
  version: string;
  sideEffects: string[];
  exports: Record<string, string | { types: string; default: string; browser?: { types: string; default: string } }>;
  bin: Record<string, string>;
  engines: { node: string };
  allowScripts: Record<string, boolean>;
};

/** The exports that are modules. */
const entries = Object.values(manifest.exports).filter((one) => typeof one !== "string");

test("the lock names no download addresses", () => {
  // A link is to a package of the repository.
  const fetched = Object.entries(lock.packages).filter(([, { link }]) => link !== true);
  expect(fetched.filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
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

test("no dependency of a user has an install script", () => {
  const installed = Object.entries(lock.packages).filter(([, { dev, devOptional }]) => !dev && !devOptional);
  expect(installed.length).toBeGreaterThan(20);
  // The root is listed too: its own `prepare`, which does not run where the package is installed.
  expect(installed.filter(([path, { hasInstallScript }]) => path !== "" && hasInstallScript)).toEqual([]);
});

test("no dependency of a checkout runs an install script, and npm has nothing to warn of", () => {
  const withScripts = Object.entries(lock.packages).filter(([, { hasInstallScript }]) => hasInstallScript);
  const names = withScripts.map(([path]) => path.replace(/^.*node_modules\//, ""));
  // The root is listed too: its own `prepare`. fsevents is for macOS alone and comes with Vite.
  const dependencies = names.filter((name) => name !== "" && name !== "fsevents");
  expect(dependencies.length).toBeGreaterThan(0);
  expect(manifest.allowScripts).toEqual(Object.fromEntries(dependencies.sort().map((name) => [name, false])));
  // npm 11 warns of every line of a project's .npmrc that it does not know.
  expect(existsSync(join(root, ".npmrc"))).toBe(false);
});

test("the oldest Node that is named satisfies every dependency of a user", () => {
  const numbers = (version: string) => /^>=(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number) ?? [0, 0];
  const [major = 0, minor = 0] = numbers(manifest.engines.node);
  const needed = Object.entries(lock.packages)
    .filter(([path, { dev, engines }]) => path !== "" && !dev && engines?.["node"] !== undefined)
    .map(([path, { engines }]) => ({ path, node: numbers(engines?.["node"] ?? "") }));
  expect(needed.length).toBeGreaterThan(5);
  const newer = needed.filter(({ node: [a = 0, b = 0] }) => a > major || (a === major && b > minor));
  expect(newer).toEqual([]);
  // sharp 0.35 imports JSON `with { type: "json" }`, which Node reads since 20.10 (measured: 20.9.0 fails, 20.10.0 runs).
  expect([major, minor]).toEqual([20, 10]);
});

test("libraries for a few formats and for ranks are loaded when they are needed", () => {
  const hook = `export async function resolve(name, context, next) {
    if (/^(koffi|@koromix|h5wasm|@huggingface\\/hub)(\\/|$)/.test(name)) console.error(name, "from", context.parentURL);
    return next(name, context);
  }`;
  const script = `import { register } from "node:module";
    register("data:text/javascript," + encodeURIComponent(${JSON.stringify(hook)}));
    for (const path of process.argv.slice(1)) await import(path);
    await import("h5wasm");`;
  const modules = entries.map((one) => one.default);
  const { stderr, stdout } = spawnSync(
    process.execPath,
    ["--input-type=module", "-e", script, ...modules.map((path) => pathToFileURL(join(root, path)).href)],
    { encoding: "utf8", cwd: root },
  );
  // The one line is of the import that shows the hook to be at work.
  expect([stdout, stderr.trim().split("\n")]).toEqual(["", [expect.stringMatching(/^h5wasm from file:.*eval1\]$/)]]);
});

test("every export is built from a source file, and has declarations", () => {
  expect(entries.length).toBeGreaterThan(8);
  for (const { types, default: target } of entries.flatMap((entry) => [entry, entry.browser ?? []].flat())) {
    expect(target).toMatch(/^\.\/dist\/[a-z]+\/(index|public|web\/public)\.js$/);
    expect(types).toBe(target.replace(/\.js$/, ".d.ts"));
    const source = target.replace("./dist/", "src/").replace(/\.js$/, ".ts");
    for (const path of [source, types]) expect(existsSync(join(root, path)), path).toBe(true);
  }
});

test("the version is the same in the lock and in CHANGELOG", () => {
  const { version } = manifest;
  expect(lock.packages[""]?.version).toBe(version);
  expect(/^## (.*)$/m.exec(read("CHANGELOG.md"))?.[1]).toBe(version);
});

test("bundlers keep the modules that are imported for their effect, or run as threads and processes", () => {
  const patterns = manifest.sideEffects.map(
    (pattern) => new RegExp(`^${pattern.replaceAll(".", "\\.").replace("**/*", ".*")}$`),
  );
  const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).filter((path) =>
    path.endsWith(".ts"),
  );
  const named = sources.flatMap((path) =>
    [...read(join("src", path)).matchAll(/^import "(.*)";$|builtModule\(import\.meta\.url, "(.*?)"\)/gm)].map(
      ([, effect, run]) => `./${join("dist", dirname(path), effect ?? run ?? "")}`,
    ),
  );
  // The example in the header of src/files/built-module.ts names a module that does not exist.
  const built = named.filter((path) => !path.startsWith("./dist/files/"));
  expect(new Set(built).size).toBeGreaterThan(5);
  expect(built.filter((path) => !patterns.some((pattern) => pattern.test(path)))).toEqual([]);
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
  expect(stdout).toContain("USAGE\n  fovea data IMAGES");
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
