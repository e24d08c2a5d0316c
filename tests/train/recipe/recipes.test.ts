/**
 * Every recipe that comes with the package is a valid one, and says in its header what it reaches or that it was not run.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { loadRecipe, planRun } from "../../../src/train/index.js";

const folder = fileURLToPath(new URL("../../../recipes", import.meta.url));
const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));

test("there are recipes", () => expect(files.length).toBeGreaterThan(10));

test.each(files)("%s", async (name) => {
  const path = join(folder, name);
  const header = readFileSync(path, "utf8").split("\nimport ")[0]!;
  expect(header).toMatch(/%|not (yet )?run/i);
  const recipe = await loadRecipe(path);
  // as many images and classes as ImageNet-1k has: every duration and the model make sense
  const plan = planRun(recipe, 1_281_167, 1000);
  expect(plan.totalSteps).toBeGreaterThan(0);
  expect(plan.training.schedule(0)).toBeGreaterThanOrEqual(0);
});
