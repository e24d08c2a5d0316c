/** Recipes that train on several sources. */

import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { latestCheckpoint } from "../../../src/networks/index.js";
import { dryRun, type RecipeInput, resolveRecipe, train } from "../../../src/train/index.js";
import { courseOf } from "../../support/course.js";
import { temporaryFolder, tinyRecipe } from "../../support/trained-run.js";

const root = temporaryFolder("mixed");
afterAll(() => rmSync(root, { recursive: true, force: true }));

const parts = (second: string) => [
  {
    source: "generated:shapes?label=shape&size=20&length=10",
    preprocessing: "decode|random_crop(16)|value_range(-1,1)",
    weight: 3,
  },
  { source: "generated:shapes?label=shape&size=16&length=14&seed=1", preprocessing: second, weight: 1 },
];

const mixed = (name: string, changes: Partial<RecipeInput["data"]> = {}) =>
  resolveRecipe(
    tinyRecipe(join(root, name), {
      data: { train: parts("decode|flip_lr|value_range(-1,1)"), workers: 0, ...changes },
      total: { steps: 8 },
      evaluate: { every: { steps: 8 } },
      log: { every: { steps: 1 } },
    }),
  );

test("sources are mixed by weight, and a resumed run repeats the course", async () => {
  const whole = await train(mixed("whole"), { silent: true });
  expect(whole).toMatchObject({ step: 8, bad: [] });
  const stop = new AbortController();
  const onMetrics = ({ step }: { readonly step: number }) => step === 3 && stop.abort();
  const recipe = mixed("stopped");
  expect(await train(recipe, { silent: true, signal: stop.signal, onMetrics })).toMatchObject({ interrupted: true });
  await train(recipe, { silent: true, resume: true });
  expect(await courseOf(join(root, "stopped"))).toEqual(await courseOf(join(root, "whole")));
  const { meta } = (await latestCheckpoint(join(root, "whole", "checkpoints")))!;
  expect(meta["classNames"]).toHaveLength(4);
});

test("classes of one name may stay apart; a dry run counts all parts", async () => {
  expect(await dryRun(mixed("dry"))).toMatchObject({ trainingImages: 24, classes: 4 });
  expect(await dryRun(mixed("dry", { mergeClasses: "disjoint" }))).toMatchObject({ classes: 8 });
});

test("a dry run has the epochs of the recipe where the batch does not divide the images", async () => {
  const recipe = resolveRecipe(tinyRecipe(join(root, "epochs"), { batchSize: 10, total: { epochs: 5 } }));
  expect(await dryRun(recipe)).toMatchObject({ trainingImages: 24, totalSteps: 12, epochs: 5 });
});

test("parts that bring images to other ranges are refused", async () => {
  await expect(dryRun(mixed("range", { train: parts("decode|value_range(0,1)") }))).rejects.toThrow(
    /data.train.1 has the value range \[\[0,1\]\] and data.train.0 \[\[-1,1\]\]/,
  );
});
