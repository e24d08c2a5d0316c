/** The table of cases leaves out no operation. */
import { expect, test } from "vitest";
import * as operations from "../../src/graph/ops/index.js";
import { families, halfFamily } from "./cases/index.js";

/** Exported functions that are not operations of a graph or have tests of their own. */
const elsewhere = new Set([
  "inputName", // writer.test.ts
  "bilinearWeights", // golden.test.ts
  "randomUniform", // random.test.ts
  "bernoulli",
  "resolveWindow", // errors.test.ts, through the operations that take a window
  "outputSides",
  "emitProduct", // every product is written by it
  "scalarBeside", // and every scalar beside a tensor by this
]);

test("every exported operation has a case on every device", () => {
  const covered = new Set([...Object.values(families).flat(), ...halfFamily].flatMap((one) => one.operations));
  const exported = Object.entries(operations).filter(([, value]) => typeof value === "function");
  expect(exported.map(([name]) => name).filter((name) => !covered.has(name) && !elsewhere.has(name))).toEqual([]);
  const names = new Set(exported.map(([name]) => name));
  expect([...covered, ...elsewhere].filter((name) => !names.has(name))).toEqual([]);
});

test("no two cases of a family share a name", () => {
  for (const [family, cases] of Object.entries(families)) {
    const names = cases.map(({ name }) => name);
    expect(
      names.filter((name, i) => names.indexOf(name) !== i),
      family,
    ).toEqual([]);
  }
});
