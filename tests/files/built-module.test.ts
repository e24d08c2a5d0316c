/** Where the built form of a worker module is found. */
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { builtModule } from "../../src/files/built-module.js";
import { temporaryFolder, write } from "../support/pictures.js";

test("a source file's neighbour is found in dist, a built file's beside it", () => {
  // The folder above is called src too: only the last one is the package's.
  const root = `${temporaryFolder()}/src/package`;
  write(root, { "src/x/y.ts": "", "dist/x/y.js": "", "dist/x/worker.js": "" });
  const url = (path: string) => pathToFileURL(`${root}/${path}`).href;
  expect(builtModule(url("src/x/y.ts"), "./worker.js").href).toBe(url("dist/x/worker.js"));
  expect(builtModule(url("dist/x/y.js"), "./worker.js").href).toBe(url("dist/x/worker.js"));
});

test("a missing build says how to make it", () => {
  const caller = pathToFileURL(`${temporaryFolder()}/src/x/y.ts`).href;
  expect(() => builtModule(caller, "./worker.js")).toThrow(/dist\/x\/worker.js is missing.*npm run build/);
});

test("the loader's own worker is where the loader looks for it", () => {
  const caller = new URL("../../src/data/loader/workers.ts", import.meta.url).href;
  expect(builtModule(caller, "./worker.js").pathname).toMatch(/\/dist\/data\/loader\/worker\.js$/);
});
