/**
 * Damaged files of every kind: refused or read, never a fault of the reader. tests/fuzz/fuzz-readers.ts reads ten thousand of each.
 */
import { expect, test } from "vitest";
import { random } from "../support/mutations.js";
import { temporaryFolder } from "../support/pictures.js";
import { damagedData } from "./damaged.js";

test.each(Object.entries(damagedData(temporaryFolder())))("%s", async (name, { whole, make, read, refuses }) => {
  const draw = random(name.length);
  let refused = 0;
  await read(whole());
  for (let i = 0; i < 200; i++) {
    const bytes = make(draw);
    try {
      await read(bytes);
    } catch (error) {
      if (!refuses(error)) throw new Error(`case ${i}: ${String(error)}`, { cause: error });
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(0);
  // Damage is done to copies: the originals are still what can be read.
  await read(whole());
});
