/** A run that was asked to stop and resumed is the run that was never stopped, to the last bit. */

import { cpSync, existsSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { lockFolder } from "../../../src/files/lock.js";
import { latestCheckpoint, listCheckpoints } from "../../../src/networks/index.js";
import { availableThreads } from "../../../src/runtime/index.js";
import { loadRecipe, type RecipeInput, resolveRecipe, train } from "../../../src/train/index.js";
import { courseOf, stoppedAt } from "../../support/course.js";
import { randomRecipe as randomRecipeIn, randomTotal as total } from "../../support/random-recipe.js";
import { imageFolder, temporaryFolder, tinyRecipe } from "../../support/trained-run.js";

const root = temporaryFolder("resume");
const folderOf = (name: string) => join(root, name);
afterAll(() => rmSync(root, { recursive: true, force: true }));

const randomRecipe = (name: string, changes: Partial<RecipeInput> = {}) => randomRecipeIn(folderOf(name), changes);

let whole: Awaited<ReturnType<typeof courseOf>>;
beforeAll(async () => {
  await train(resolveRecipe(randomRecipe("whole")), { silent: true });
  whole = await courseOf(folderOf("whole"));
});

describe("a run that was asked to stop", () => {
  test("what is compared is not the same by chance: the draws matter", async () => {
    expect(whole.metrics.filter(({ loss }) => loss !== undefined)).toHaveLength(total);
    await train(resolveRecipe(randomRecipe("other-seed", { seed: 1 })), { silent: true });
    const other = await courseOf(folderOf("other-seed"));
    expect(other.tensors.get("head/kernel")).not.toBe(whole.tensors.get("head/kernel"));
    expect([...whole.tensors.keys()].filter((name) => name.startsWith("adam/m/")).length).toBeGreaterThan(10);
  });

  // 4 images a step of 18: an epoch ends after step 4; evaluations fall on steps 5 and 10
  test.each([1, 4, 5, 11])("after step %i and resumed is the same to the last bit", async (step) => {
    // checkpoints only where it is stopped, so that it really goes on from there
    const recipe = randomRecipe(`stopped-${step}`, { checkpoint: { every: { steps: 1000 }, keepLast: 2 } });
    const first = await stoppedAt(recipe, step);
    expect(first).toMatchObject({ interrupted: true, step });
    const { checkpoints } = await listCheckpoints(join(folderOf(`stopped-${step}`), "checkpoints"));
    expect(checkpoints.map((c) => c.step)).toEqual([step]);
    const stopped = await latestCheckpoint(join(folderOf(`stopped-${step}`), "checkpoints"), expect.fail);
    const second = await train(resolveRecipe(recipe), { silent: true, resume: true });
    expect(second).toMatchObject({ interrupted: false, step: total, totalSteps: total });
    const resumed = await courseOf(folderOf(`stopped-${step}`));
    expect(resumed).toEqual(whole);
    // the clock goes on from what the checkpoint holds (`first.seconds` is later: it counts the writing too)
    expect(second.seconds).toBeGreaterThan(stopped!.meta["seconds"] as number);
  });

  test("with averages of the weights and momentum in half precision is the same to the last bit", async () => {
    const changes = {
      optimizer: { name: "adafactor", learningRate: 1e-2, minDimSizeToFactor: 16, clipNorm: 1 },
      average: { name: "polyak", from: { steps: 3 } },
      checkpoint: { every: { steps: 1000 }, keepLast: 2 },
    } satisfies Partial<RecipeInput>;
    await train(resolveRecipe(randomRecipe("averaged", changes)), { silent: true });
    const course = await courseOf(folderOf("averaged"));
    for (const kind of ["average/", "adafactor/m/", "adafactor/mScale/", "adafactor/row/", "adafactor/v/"]) {
      expect([...course.tensors.keys()].some((name) => name.startsWith(kind))).toBe(true);
    }
    const recipe = randomRecipe("averaged-stopped", changes);
    await stoppedAt(recipe, 5);
    await train(resolveRecipe(recipe), { silent: true, resume: true });
    expect(await courseOf(folderOf("averaged-stopped"))).toEqual(course);
  });

  test("with a penalty towards the first weights and dropout before the head is the same to the last bit", async () => {
    const changes = {
      model: { ...randomRecipe("x").model, headDropout: 0.3 } as RecipeInput["model"],
      optimizer: { name: "sgd", learningRate: 1e-2, l2PenaltyToInitial: 0.1, l2Penalty: 0.01, clipNorm: 1 },
      checkpoint: { every: { steps: 1000 }, keepLast: 2 },
    } satisfies Partial<RecipeInput>;
    await train(resolveRecipe(randomRecipe("initial", changes)), { silent: true });
    const course = await courseOf(folderOf("initial"));
    expect([...course.tensors.keys()].filter((name) => name.startsWith("initial/"))).toContain("initial/head/kernel");
    const recipe = randomRecipe("initial-stopped", changes);
    await stoppedAt(recipe, 5);
    await train(resolveRecipe(recipe), { silent: true, resume: true });
    expect(await courseOf(folderOf("initial-stopped"))).toEqual(course);
  });

  test("twice, with a loader thread, is the same to the last bit", async () => {
    const recipe = randomRecipe("threads", { data: { ...randomRecipe("x").data, workers: 1 } });
    await stoppedAt(recipe, 3);
    await stoppedAt(recipe, 8, { resume: true });
    await train(resolveRecipe(recipe), { silent: true, resume: true });
    expect(await courseOf(folderOf("threads"))).toEqual(whole);
  });

  test("is resumed from the newest checkpoint that is whole", async () => {
    cpSync(folderOf("whole"), folderOf("damaged"), { recursive: true });
    const { checkpoints } = await listCheckpoints(join(folderOf("damaged"), "checkpoints"));
    for (const { path } of checkpoints.slice(-3)) truncateSync(path, 3000);
    await train(resolveRecipe(randomRecipe("damaged")), { silent: true, resume: true });
    expect(await courseOf(folderOf("damaged"))).toEqual(whole);
  });

  test("that is done already stays as it is", async () => {
    cpSync(folderOf("whole"), folderOf("done"), { recursive: true });
    const result = await train(resolveRecipe(randomRecipe("done")), { silent: true, resume: true });
    expect(result).toMatchObject({ step: total, interrupted: false });
    expect(result.evaluation!.images).toBe(9);
    expect(await courseOf(folderOf("done"))).toEqual(whole);
  });

  test.each<[string, Partial<RecipeInput>, string]>([
    ["seed", { seed: 3 }, "seed: 0 -> 3"],
    [
      "learning rate",
      { optimizer: { name: "adamw", learningRate: 1e-3, weightDecay: 0.1, clipNorm: 1 } },
      "optimizer.learningRate: 0.01 -> 0.001",
    ],
    ["length", { total: { steps: 24 } }, "total.steps: 12 -> 24"],
  ])("is not resumed with another %s", async (_name, changes, line) => {
    const recipe = resolveRecipe(randomRecipe("whole", changes));
    await expect(train(recipe, { silent: true, resume: true })).rejects.toThrow(
      new RegExp(
        `was started with other settings; resume with the same settings.*\\n {2}${line.replaceAll(".", "\\.")}$`,
      ),
    );
    expect(await courseOf(folderOf("whole"))).toEqual(whole);
  });

  test("records its number of threads, goes on with it by default, and not with another", async () => {
    const { threads: _, ...free } = randomRecipe("recorded");
    await stoppedAt(free, 3);
    const saved = async () => (await loadRecipe(join(folderOf("recorded"), "recipe.json"))).threads;
    expect(await saved()).toBe(availableThreads());
    await expect(train(resolveRecipe({ ...free, threads: 7 }), { silent: true, resume: true })).rejects.toThrow(
      new RegExp(`threads: ${availableThreads()} -> 7$`),
    );
    // as if it had been started on a machine of other cores
    const path = join(folderOf("recorded"), "recipe.json");
    writeFileSync(path, readFileSync(path, "utf8").replace(/"threads": \d+/, '"threads": 3'));
    await stoppedAt(free, 5, { resume: true });
    expect(await saved()).toBe(3);
    const checkpoint = await latestCheckpoint(join(folderOf("recorded"), "checkpoints"), expect.fail);
    expect(checkpoint).toMatchObject({ step: 5, meta: { threads: 3, ranks: 1 } });
  });

  test("starts where there is none: one command for a job that may be interrupted", async () => {
    const recipe = resolveRecipe(randomRecipe("nowhere"));
    const result = await train(recipe, { silent: true, resume: true });
    expect(result).toMatchObject({ step: total, interrupted: false });
    expect(await courseOf(folderOf("nowhere"))).toEqual(whole);
    rmSync(join(folderOf("nowhere"), "recipe.json"));
    await expect(train(recipe, { silent: true, resume: true })).rejects.toThrow(
      /holds checkpoints without the recipe.json of their run; restore it/,
    );
  });

  test("whose checkpoints are all damaged is not started anew", async () => {
    cpSync(folderOf("whole"), folderOf("all-damaged"), { recursive: true });
    const { checkpoints } = await listCheckpoints(join(folderOf("all-damaged"), "checkpoints"));
    // Of one the header, of the others the numbers: both are found where they are read.
    for (const [i, { path }] of checkpoints.entries()) truncateSync(path, i === 0 ? 10 : 3000);
    const recipe = resolveRecipe(randomRecipe("all-damaged"));
    await expect(train(recipe, { silent: true, resume: true })).rejects.toThrow(
      `all ${checkpoints.length} checkpoints of ${folderOf("all-damaged")} cannot be read; restore a copy of one, or start a new run with --overwrite`,
    );
    expect((await listCheckpoints(join(folderOf("all-damaged"), "checkpoints"))).damaged).toHaveLength(
      checkpoints.length,
    );
  });

  test("whose recipe.json is cut off names the file", async () => {
    cpSync(folderOf("whole"), folderOf("cut"), { recursive: true });
    const file = join(folderOf("cut"), "recipe.json");
    truncateSync(file, 100);
    await expect(train(resolveRecipe(randomRecipe("cut")), { silent: true, resume: true })).rejects.toThrow(
      new RegExp(`${file} cannot be read: .*; it holds the settings of a run, so restore a copy of it`),
    );
  });

  test("is refused when a class was renamed, which would exchange labels", async () => {
    const images = await imageFolder(folderOf("photos"), { apple: 6, cherry: 6 });
    const data = { train: { source: images, preprocessing: "decode|resize(16)|value_range(-1,1)" }, workers: 0 };
    const recipe = tinyRecipe(folderOf("renamed"), { data, total: { steps: 4 }, log: { every: { steps: 1 } } });
    await stoppedAt(recipe, 2);
    // "apple" is class 0; as "zebra" its images would be class 1, and the cherries class 0.
    renameSync(join(images, "apple"), join(images, "zebra"));
    await expect(train(resolveRecipe(recipe), { silent: true, resume: true })).rejects.toThrow(
      /the classes of .*photos have changed since .*step-000000002\.safetensors was saved: they are now without "apple" and with "zebra"; restore the earlier names/,
    );
    renameSync(join(images, "zebra"), join(images, "apple"));
    expect(await train(resolveRecipe(recipe), { silent: true, resume: true })).toMatchObject({ step: 4 });
  });

  test("by two processes at once is refused to the second", async () => {
    const recipe = randomRecipe("twice");
    await stoppedAt(recipe, 3);
    const lock = await lockFolder(folderOf("twice"));
    for (const options of [{ resume: true }, { overwrite: true }])
      await expect(train(resolveRecipe(recipe), { silent: true, ...options })).rejects.toThrow(
        new RegExp(`twice is in use by process ${process.pid} on ${hostname()}; wait until it ends`),
      );
    await lock.release();
    expect(await train(resolveRecipe(recipe), { silent: true, resume: true })).toMatchObject({ step: total });
    expect(existsSync(join(folderOf("twice"), "run.lock"))).toBe(false);
  });
});
