/** The settings of a recipe as `fovea settings` and the JSON schema show them. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { recipeJsonSchema } from "../../scripts/write-recipe-schema.js";
import { recipeSettings } from "../../src/commands/settings.js";
import { recipeSchema } from "../../src/train/index.js";
import { leafPaths } from "../../src/train/recipe/schema.js";
import { fovea } from "../support/command-line.js";

test("assets/recipe.schema.json is up to date with the settings and their comments", () => {
  const file = fileURLToPath(new URL("../../assets/recipe.schema.json", import.meta.url));
  expect(readFileSync(file, "utf8"), "run `npx jiti scripts/write-recipe-schema.ts`").toBe(recipeJsonSchema());
}, 120_000);

test("every setting that a recipe takes is listed, with a description", () => {
  const settings = recipeSettings();
  const paths = settings.map(({ path }) => path);
  for (const path of leafPaths(recipeSchema)) expect(paths).toContain(path);
  const lacking = settings.filter(({ path, description }) => description === undefined && !/\.(name|kind)$/.test(path));
  expect(lacking.map(({ path }) => path)).toEqual([]);
});

test("a part of them, with types, defaults and the variants that have them", async () => {
  const { status, stdout } = await fovea("settings", "optimizer");
  expect(status).toBe(0);
  expect(stdout).toContain('optimizer.name: "sgd" or "adam" or "adamw" or "adafactor" or "custom"\n');
  expect(stdout).toMatch(/\noptimizer\.beta2Cap: number \(default: 0\.999\); of adafactor\n {4}\S/);
  expect(stdout).not.toMatch(/^(model|schedule)/m);
  for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(104);
  const wrong = await fovea("settings", "optimiser");
  expect(wrong).toMatchObject({ status: 2, stderr: expect.stringContaining('did you mean "optimizer"?') });
});
