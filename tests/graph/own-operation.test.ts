/** The programs of the guide to own operations, run as a user runs them: outside of the checkout, with the package installed. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const home = mkdtempSync(join(tmpdir(), "fovea-own-operation-"));
afterAll(() => rmSync(home, { recursive: true }));

const guide = readFileSync(join(root, "docs/own-operation.md"), "utf8");
const programs = new Map(
  [...guide.matchAll(/<!-- program: (\S+) -->\n```ts\n([\s\S]*?)```/g)].map(([, name = "", code = ""]) => [name, code]),
);

beforeAll(() => {
  mkdirSync(join(home, "node_modules"));
  symlinkSync(root, join(home, "node_modules/fovea"));
  for (const name of ["onnxruntime-node", "onnxruntime-common", "@types"]) {
    symlinkSync(join(root, "node_modules", name), join(home, "node_modules", name));
  }
  writeFileSync(join(home, "package.json"), '{ "type": "module" }');
  for (const [name, code] of programs) writeFileSync(join(home, name), code);
});

function run(name: string): string {
  const jiti = join(root, "node_modules/jiti/lib/jiti-cli.mjs");
  const { status, stdout, stderr } = spawnSync(process.execPath, [jiti, name], { cwd: home, encoding: "utf8" });
  expect(stderr).toBe("");
  expect(status).toBe(0);
  return stdout;
}

test("the program defines, checks, trains, resumes and exports an operation; the file runs elsewhere", () => {
  expect([...programs.keys()]).toEqual(["own-operation.ts", "run.ts"]);
  const printed = run("own-operation.ts");
  for (const name of ["x", "kernel"]) {
    const [, gradient, difference] = printed.match(new RegExp(`d ${name}: (\\S+), by differences (\\S+)`)) ?? [];
    expect(Math.abs(Number(gradient) - Number(difference)), printed).toBeLessThan(0.02);
    expect(Math.abs(Number(gradient)), printed).toBeGreaterThan(0);
  }
  // [1, 3, 3] kernels of 8 channels, depthwise 5 x 5 over 8 channels, and the head
  expect(printed).toContain(`${2 * (144 * 8 * 9 + 144 * 8 * 25 + 8 * 2)} FLOPs for an image`);
  const losses = [...printed.matchAll(/step (\d+): loss (\S+)/g)].map(([, step, loss]) => [Number(step), Number(loss)]);
  expect(losses.map(([step]) => step)).toEqual([0, 39, 0, 39]);
  expect(losses[1]?.[1]).toBeLessThan(0.5 * Number(losses[0]?.[1]));
  expect(printed).toContain("resumed: the same to the last bit");
  expect(run("run.ts")).toBe("vertical\n");
});

test("the programs are typed under the strictest settings", () => {
  const options = [
    "strict",
    "noUncheckedIndexedAccess",
    "exactOptionalPropertyTypes",
    "noPropertyAccessFromIndexSignature",
  ];
  writeFileSync(
    join(home, "tsconfig.json"),
    JSON.stringify({
      compilerOptions: {
        ...Object.fromEntries(options.map((name) => [name, true])),
        module: "nodenext",
        target: "es2022",
        lib: ["es2023", "esnext.disposable"],
        types: ["node"],
        noEmit: true,
        skipLibCheck: true,
      },
      files: [...programs.keys()],
    }),
  );
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  const { status, stdout } = spawnSync(process.execPath, [compiler, "-p", "."], { cwd: home, encoding: "utf8" });
  expect(stdout).toBe("");
  expect(status).toBe(0);
});
