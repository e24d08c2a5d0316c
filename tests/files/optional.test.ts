/** What works without the optional libraries, and what the user is told where one is needed. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { koffiPackage } from "../../src/files/koffi.js";
import { importOptional } from "../../src/files/optional.js";

/** A copy of dist/ outside of the checkout, from where no package can be found. */
let folder: string;
/** The value of an expression in a process of its own (Vitest would find the packages), or its error's message. */
function evaluate(module: string, expression: string): string {
  const url = pathToFileURL(join(folder, "dist", module)).href;
  const script = `const built = await import(${JSON.stringify(url)});
    try { console.log(await built.${expression}); } catch (error) { console.log(error.message); }`;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    encoding: "utf8",
    cwd: folder,
  });
  expect(stderr).toBe("");
  return stdout.trim();
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fovea-optional-"));
  cpSync(fileURLToPath(new URL("../../dist", import.meta.url)), join(folder, "dist"), { recursive: true });
  writeFileSync(join(folder, "package.json"), '{"type": "module"}');
});

afterAll(() => rmSync(folder, { recursive: true }));

test("an HDF5 file without h5wasm: the error names the command that installs it", () => {
  const path = join(folder, "x.h5");
  writeFileSync(path, Uint8Array.of(0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a));
  expect(evaluate("formats/hdf5.js", `openHdf5(${JSON.stringify(path)})`)).toBe(
    "reading HDF5 files needs the package h5wasm, which is not installed; run `npm install h5wasm`",
  );
});

test("a model of the hub without the hub's client: the error names the command that installs it", () => {
  const options = { cache: join(folder, "cache"), endpoint: "http://127.0.0.1:9" };
  const name = { repository: "some/model", revision: "main" };
  expect(evaluate("weights/hub.js", `fetchHubModel(${JSON.stringify(name)}, ${JSON.stringify(options)})`)).toBe(
    "fetching from the hub needs the package @huggingface/hub, which is not installed; run `npm install @huggingface/hub`",
  );
});

test("without koffi, folders are not exchanged in one call, and the caller is told", () => {
  const paths = ["one", "two"].map((name) => join(folder, name));
  for (const path of paths) mkdirSync(path);
  expect(evaluate("files/exchange.js", `exchange(...${JSON.stringify(paths)})`)).toBe("false");
});

test("ranks without koffi: the error names the command that installs it", () => {
  const launch = { rank: 0, size: 2, launcher: "mpiexec", family: "mpich" };
  expect(evaluate("train/distributed/mpi.js", `openCommunicator(${JSON.stringify(launch)})`)).toBe(
    `training with several ranks needs the package ${koffiPackage}, which is not installed; run \`npm install ${koffiPackage}\``,
  );
});

test("other errors are not mistaken for a missing package", async () => {
  const other = Object.assign(new Error("Cannot find package 'inner' imported from outer"), {
    code: "ERR_MODULE_NOT_FOUND",
  });
  await expect(importOptional("outer", "this", () => Promise.reject(other))).rejects.toBe(other);
  const broken = new Error("'outer' is broken");
  await expect(importOptional("outer", "this", () => Promise.reject(broken))).rejects.toBe(broken);
  expect(await importOptional("outer", "this", async () => 1)).toBe(1);
});
