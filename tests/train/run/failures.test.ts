/** How a run fails: losses that are not finite, steps left out, going back to a checkpoint, a full disk. */

import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { openSource } from "../../../src/data/index.js";
import { latestCheckpoint, listCheckpoints } from "../../../src/networks/index.js";
import { type RecipeInput, readMetrics, resolveRecipe, train } from "../../../src/train/index.js";
import { temporaryFolder, tinyRecipe } from "../../support/trained-run.js";

const root = temporaryFolder("train");
afterAll(() => rmSync(root, { recursive: true, force: true }));
const folderOf = (name: string) => join(root, name);
const run = (name: string, changes: Partial<RecipeInput> = {}, options = {}) =>
  train(resolveRecipe(tinyRecipe(folderOf(name), changes)), { silent: true, ...options });
const checkpoints = (name: string) => join(folderOf(name), "checkpoints");
const preprocessing = "decode|resize(16)|value_range(-1,1)";

describe("failures", () => {
  // the rate jumps after three steps: to where the next loss overflows, and to where the update itself does
  test.each([
    ["a loss", 1e30, /^the loss of step \d+ is (NaN|-?Infinity); /],
    ["a state", 1e42, /^\S+ is not finite after step 4; /],
  ])(
    "%s that is not a number stops the run with its step and advice; the last checkpoint is good",
    async (what, jump, text) => {
      const folder = `nan-${what.replaceAll(" ", "-")}`;
      const failure = await run(folder, {
        optimizer: { name: "sgd", learningRate: 1e30 },
        schedule: { name: "stair", steps: [3], mults: [jump], base: 1e-32 },
        total: { steps: 20 },
      }).catch((error: unknown) => error as Error);
      const { name, message } = failure as Error;
      expect(name).toBe("TrainError");
      const [, saved] = /the checkpoint of step (\d+) is good/.exec(message)!;
      expect(message).toMatch(text);
      expect(message).toContain("try a lower optimizer.learningRate, a longer schedule.warmup or optimizer.clipNorm=1");
      const latest = (await latestCheckpoint(checkpoints(folder)))!;
      expect(latest.step).toBe(Number(saved));
      for (const [tensor, { data }] of latest.tensors) {
        expect(Array.from(data as Float32Array).every(Number.isFinite), tensor).toBe(true);
      }
    },
  );

  // Generated shapes, of which one has a target that is not a number: the steps that see it fail.
  async function withBadTarget() {
    const source = await openSource("generated:shapes?label=shape&size=16&length=16");
    return {
      ...source,
      recipe: undefined,
      vectorTargets: true,
      get: async (index: number) => {
        const example = await source.get(index);
        const hot = Float32Array.from({ length: 4 }, (_, k) => (k === example.label ? 1 : 0));
        return { ...example, targets: index === 5 ? hot.map(() => Number.NaN) : hot };
      },
    };
  }
  const eight: Partial<RecipeInput> = { total: { steps: 8 }, checkpoint: { every: { steps: 1 }, keepLast: 9 } };
  const allFinite = async (folder: string) => {
    const latest = (await latestCheckpoint(checkpoints(folder)))!;
    for (const [tensor, { data }] of latest.tensors)
      expect(Array.from(data as Float32Array).every(Number.isFinite), tensor).toBe(true);
    return latest;
  };

  test("skip: a step that fails is left out, and the run ends whole", async () => {
    const source = await withBadTarget();
    const options = { sources: { train: source } };
    const recipe = { ...eight, data: { train: { source: "by hand", preprocessing }, workers: 0 } };
    await expect(run("stops", recipe, options)).rejects.toThrow(/the loss of step \d is NaN/);
    const result = await run("skips", { ...recipe, onNotFinite: "skip" }, options);
    expect([result.step, result.interrupted]).toEqual([8, false]);
    expect((await allFinite("skips")).step).toBe(8);
    // four batches an epoch, two epochs: the bad image comes twice
    const lines = await readMetrics(join(folderOf("skips"), "metrics.jsonl"));
    expect(lines.length).toBeGreaterThan(0);
  });

  test("rollback: back to the newest checkpoint, and on with other batches", async () => {
    const source = await withBadTarget();
    const recipe = { ...eight, data: { train: { source: "by hand", preprocessing }, workers: 0 } };
    const result = await run("back", { ...recipe, onNotFinite: "rollback" }, { sources: { train: source } });
    expect([result.step, result.interrupted]).toEqual([8, false]);
    const latest = await allFinite("back");
    // eight good steps and at least one that failed: the loader is further than the run
    const { epoch, batch } = (latest.meta["loaders"] as { train: { epoch: number; batch: number } }).train;
    expect(4 * epoch + batch).toBeGreaterThan(8);
  });

  test("a run that fails at every step gives up after five, whatever the policy", async () => {
    const source = await withBadTarget();
    const always = { ...source, get: async (index: number) => ({ ...(await source.get(5)), id: `${index}` }) };
    const recipe = { ...eight, data: { train: { source: "by hand", preprocessing }, workers: 0 } };
    for (const onNotFinite of ["skip", "rollback"] as const) {
      await expect(
        run(`never-${onNotFinite}`, { ...recipe, onNotFinite }, { sources: { train: always } }),
      ).rejects.toThrow(/the loss is NaN, .* 5 times in a row/);
    }
  });

  test("rollback: a loss that always diverges after some good steps ends the run", async () => {
    // The rate jumps after step 3, which is saved: step 4 is good, and the loss of step 5 overflows whatever its batch.
    const recipe = {
      optimizer: { name: "sgd", learningRate: 1e30 },
      schedule: { name: "stair", steps: [3], mults: [1e32], base: 1e-32 },
      total: { steps: 40 },
      checkpoint: { every: { steps: 3 }, keepLast: 9 },
      onNotFinite: "rollback",
    } as const satisfies Partial<RecipeInput>;
    await expect(run("diverges", recipe)).rejects.toThrow(
      /5 times before, each time after going back to step 3: the run does not reach its next checkpoint; .*try a lower/,
    );
    expect((await allFinite("diverges")).step).toBe(3);
  });

  test("a disk that fills up is said so, and the checkpoints before stay whole", { timeout: 60_000 }, async ({
    skip,
  }) => {
    const mounted = folderOf("small");
    mkdirSync(mounted);
    try {
      // room for one checkpoint of some 60 kB and the other files, and not for the second
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=120k", "tmpfs", mounted], { stdio: "pipe" });
    } catch (error) {
      skip(`mounting a small file system needs root: ${String((error as { stderr?: Buffer }).stderr ?? error).trim()}`);
    }
    try {
      await expect(
        run("small/run", { total: { steps: 6 }, checkpoint: { every: { steps: 1 }, keepLast: 9 } }),
      ).rejects.toThrow(/the disk is full/);
      const { checkpoints: saved, damaged } = await listCheckpoints(checkpoints("small/run"));
      expect(damaged).toEqual([]);
      expect(saved.length).toBeGreaterThan(0);
      const latest = (await latestCheckpoint(checkpoints("small/run")))!;
      expect(latest.step).toBe(saved.at(-1)!.step);
      expect(readdirSync(checkpoints("small/run")).every((file) => file.startsWith("step-"))).toBe(true);
    } finally {
      execFileSync("umount", [mounted]);
    }
  });
});
