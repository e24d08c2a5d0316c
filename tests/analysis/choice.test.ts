/** The layer and the patch that a user chooses. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, test } from "vitest";
import { analyse, cellAt } from "../../src/analysis/index.js";
import * as models from "../support/seeded-models.js";
import { seededImages, seededSubject } from "../support/seeded-subject.js";

let vit: Awaited<ReturnType<typeof seededSubject>>;
let resnet: Awaited<ReturnType<typeof seededSubject>>;
beforeAll(async () => {
  vit = await seededSubject(models.vit);
  resnet = await seededSubject(models.resnet);
});
afterAll(async () => {
  for (const { subject, folder } of [vit, resnet]) {
    await subject.close();
    await rm(folder, { recursive: true });
  }
});

it.each([
  ["a layer after the last", { layer: 2 }, /has no layer 2; expected 0 to 1/],
  [
    "a row after the last",
    { patch: [2, 0] as const },
    /has no patch 2,0: its grid has 2 x 2 patches; expected a row up to 1 and a column up to 1/,
  ],
  ["a column after the last", { patch: [0, 5] as const }, /has no patch 0,5/],
])("refuses %s before any analysis", async (_, choice, message) => {
  const output = join(vit.folder, "report");
  await expect(analyse(vit.spec, { images: seededImages, output, only: [], ...choice })).rejects.toThrow(message);
});

test("refuses a layer of a ResNet", async () => {
  const output = join(resnet.folder, "report");
  await expect(analyse(resnet.spec, { images: seededImages, output, only: [], layer: 0 })).rejects.toThrow(
    /layers are blocks of a Vision Transformer/,
  );
});

test("cellAt finds the place of a patch in a finer and in a coarser grid", () => {
  const last = { rows: 4, columns: 6 };
  expect(cellAt([1, 2], last, last)).toBe(1 * 6 + 2);
  // the centre of row 1 of 4 is 3/8 of the height: row 3 of 8; of column 2 of 6 it is 5/12: column 5 of 12
  expect(cellAt([1, 2], last, { rows: 8, columns: 12 })).toBe(3 * 12 + 5);
  expect(cellAt([1, 2], last, { rows: 2, columns: 3 })).toBe(0 * 3 + 1);
});
