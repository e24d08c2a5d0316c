/** Nothing but what Fovea writes itself is left behind by a run of the runtime: its maker's reports are off. */
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { builtModule } from "../../src/files/built-module.js";

const script = (runtime: string, graph: string) => `
  const { compile } = await import(${JSON.stringify(runtime)});
  const g = await import(${JSON.stringify(graph)});
  const x = g.input("x", "float32", [2]);
  const program = await compile({ state: [], functions: { run: { inputs: [x], outputs: { y: g.add(x, 1) } } } });
  console.log((await program.run("run", { x: Float32Array.of(1, 2) })).y.join());
  await program.close();
`;

test("a program runs, and neither the home folder nor the temporary one has a report or a device number", async () => {
  const home = mkdtempSync(join(tmpdir(), "fovea-telemetry-"));
  const built = (name: string) => String(builtModule(import.meta.url, `../../src/${name}/index.js`));
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--input-type=module", "--eval", script(built("runtime"), built("graph"))],
    { env: { PATH: process.env["PATH"], HOME: home, TMPDIR: home, XDG_CACHE_HOME: join(home, "cache") } },
  );
  expect(stdout.trim()).toBe("2,3");
  expect(readdirSync(home, { recursive: true })).toEqual([]);
  await rm(home, { recursive: true, force: true });
});
