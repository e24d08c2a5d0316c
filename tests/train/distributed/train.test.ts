/** Training divided over ranks: two give the losses of one, stop and go on together, and leave a good checkpoint behind. */

import { cpSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { elementCount, input } from "../../../src/graph/index.js";
import { latestCheckpoint, listCheckpoints } from "../../../src/networks/index.js";
import {
  bucketGradients,
  loadRecipe,
  prepareTraining,
  type RecipeInput,
  readMetrics,
  resolveRecipe,
  train,
} from "../../../src/train/index.js";
import { noMpi, startRanks } from "../../support/mpi.js";
import { ownParts } from "../../support/own-parts.js";
import { temporaryFolder, tinyRecipe } from "../../support/trained-run.js";

const root = temporaryFolder("ranks");
afterAll(() => rmSync(root, { recursive: true, force: true }));
const command = fileURLToPath(new URL("../../../bin/fovea.js", import.meta.url));
const rank = fileURLToPath(new URL("../../support/rank.mjs", import.meta.url));

/** Random crops and flips (which belong to the example), microbatches and clipping; no dropout unless it is asked for. */
const recipeOf = (output: string, changes: Partial<RecipeInput> = {}, dropout = 0): RecipeInput =>
  tinyRecipe(output, {
    model: { name: "vit", patchSize: 8, width: 16, depth: 1, heads: 2, mlpDim: 32, imageSize: 16, dropout },
    data: {
      train: {
        source: "generated:shapes?label=shape&size=20&length=20",
        preprocessing: "decode|random_crop(16)|flip_lr|value_range(-1,1)",
      },
      evaluation: {
        // the last batch has images for the first rank only
        source: "generated:shapes?label=shape&size=16&length=10",
        preprocessing: "decode|value_range(-1,1)",
      },
      workers: 0,
    },
    batchSize: 8,
    microbatches: 2,
    total: { steps: 6 },
    optimizer: { name: "adamw", learningRate: 1e-2, weightDecay: 0.1, clipNorm: 0.5 },
    log: { every: { steps: 1 } },
    evaluate: { every: { steps: 3 } },
    checkpoint: { every: { steps: 1 }, keepLast: 10 },
    ...changes,
  });

/** Expects the numbers of one run to be those of another to rounding, by step and name. */
function expectSame(found: Course, expected: Course): void {
  expect(found.map(({ step }) => step)).toEqual(expected.map(({ step }) => step));
  for (const [i, record] of found.entries()) {
    expect(Object.keys(record)).toEqual(Object.keys(expected[i]!));
    for (const [name, value] of Object.entries(record)) {
      const one = expected[i]![name]!;
      expect(Math.abs(value! - one), `${name} of step ${record.step}`).toBeLessThanOrEqual(1e-4 * Math.abs(one));
    }
  }
}

/** Writes a recipe as a file of its own; returns its path. */
function recipeFile(name: string, recipe: RecipeInput): string {
  const path = join(root, `${name}.json`);
  writeFileSync(path, JSON.stringify(recipe));
  return path;
}

const courseOf = async (folder: string) =>
  (await readMetrics(join(folder, "metrics.jsonl"))).map(({ time: _, ...record }) => record);
type Course = Awaited<ReturnType<typeof courseOf>>;

test("gradients go in buckets, the last layer's first, none split", () => {
  const shapes = [[3, 4], [5], [100], [2, 2], [6]];
  const gradients = shapes.map((shape, i) => input(`g${i}`, "float32", shape));
  const { sent, inputs, received } = bucketGradients(gradients, 4 * 12);
  // from the end: 6 + 4, then 100 alone, then 5, with which 12 more are too many
  expect(Object.values(sent).map(({ shape }) => elementCount(shape))).toEqual([10, 100, 5, 12]);
  expect(inputs.map(({ shape }) => elementCount(shape))).toEqual([10, 100, 5, 12]);
  expect(received.map(({ shape }) => shape)).toEqual(shapes);
});

test("a batch that does not divide over the ranks is refused", async () => {
  const recipe = resolveRecipe(recipeOf("unused"));
  await expect(prepareTraining(recipe, 24, 4, false, { ranks: 3 })).rejects.toThrow(
    "a batch of 8 cannot be divided over 3 ranks; set batchSize to a multiple of 3, such as 9",
  );
  await expect(prepareTraining(recipe, 24, 4, false, { ranks: 8 })).rejects.toThrow(
    "each of 8 ranks has 1 of the 8 images of a batch, which cannot be divided into 2 equal microbatches; set microbatches to a divisor of 1",
  );
});

describe.skipIf(noMpi)(`two ranks${noMpi ? `: ${noMpi}` : ""}`, () => {
  test("give the losses and evaluations of one", async () => {
    const alone = join(root, "alone");
    const together = join(root, "together");
    await train(resolveRecipe(recipeOf(alone)), { silent: true });
    const job = startRanks(2, [command, "train", recipeFile("together", recipeOf(together)), "--json"]);
    expect(await job.ended(), job.stderr()).toBe(0);
    // one rank prints, for both
    expect(JSON.parse(job.stdout())).toMatchObject({ step: 6, interrupted: false, evaluation: { images: 10 } });

    expectSame(await courseOf(together), await courseOf(alone));
  });

  test("train parts that the user defines as one does, and resume them to the same numbers", async () => {
    const file = join(root, "own.ts");
    writeFileSync(file, ownParts({ steps: 12, dropout: 0 }));
    const [alone, together, parts] = [join(root, "own"), join(root, "own-together"), join(root, "own-parts")];
    await train({ ...(await loadRecipe(file)), output: alone }, { silent: true });
    const words = (output: string) => [
      command,
      "train",
      file,
      "--output",
      output,
      "--json",
      "--checkpoint.keepLast=20",
    ];
    const job = startRanks(2, words(together));
    expect(await job.ended(), job.stderr()).toBe(0);
    expectSame(await courseOf(together), await courseOf(alone));

    cpSync(together, parts, { recursive: true });
    for (const { path, step } of (await listCheckpoints(join(parts, "checkpoints"))).checkpoints)
      if (step > 5) rmSync(path);
    const resumed = startRanks(2, [...words(parts), "--resume"]);
    expect(await resumed.ended(), resumed.stderr()).toBe(0);
    expect(await courseOf(parts)).toEqual(await courseOf(together));
  });

  test("draw differently, and again the same when resumed", async () => {
    const whole = join(root, "whole");
    const parts = join(root, "parts");
    const changes = { evaluate: { every: { steps: 6 } } };
    const job = startRanks(2, [command, "train", recipeFile("whole", recipeOf(whole, changes, 0.3)), "--json"]);
    expect(await job.ended(), job.stderr()).toBe(0);
    cpSync(whole, parts, { recursive: true });
    for (const { path, step } of (await listCheckpoints(join(parts, "checkpoints"))).checkpoints)
      if (step > 3) rmSync(path);
    const words = [command, "train", recipeFile("parts", recipeOf(parts, changes, 0.3)), "--json", "--resume"];
    const resumed = startRanks(2, words);
    expect(await resumed.ended(), resumed.stderr()).toBe(0);
    expect(await courseOf(parts)).toEqual(await courseOf(whole));
    expect(resumed.stderr()).toBe("");

    const { training } = await prepareTraining(resolveRecipe(recipeOf("unused", {}, 0.3)), 24, 4, false, { ranks: 2 });
    const seedOf = (step: number, own?: number) => training.stepInputs(step, 0, 1, own)["seed"]![0];
    expect(seedOf(3, 1)).not.toBe(seedOf(3, 0));
    expect(seedOf(3, 0)).toBe(seedOf(3));
  });

  test("stop after the same step when one of them is asked to, and the first saves", async () => {
    const output = join(root, "stopped");
    const recipe = recipeFile("stopped", recipeOf(output, { total: { steps: 100_000 } }));
    const job = startRanks(2, [rank, "train", recipe, "stop"]);
    expect(await job.ended(), job.stderr()).toBe(0);
    const lines = job.stdout().trim().split("\n");
    const [first, second] = lines.map((line) => JSON.parse(line) as { step: number; interrupted: boolean });
    expect(first!.interrupted && second!.interrupted).toBe(true);
    expect(first!.step).toBe(second!.step);
    const warn = (message: string) => expect.fail(message);
    expect((await latestCheckpoint(join(output, "checkpoints"), warn))!.step).toBe(first!.step);
  });

  test("a rank that is killed ends the job, and the last checkpoint is good", async () => {
    const output = join(root, "killed");
    const recipe = recipeFile("killed", recipeOf(output, { total: { steps: 100_000 } }));
    const job = startRanks(2, [rank, "train", recipe, "die"]);
    expect(await job.ended()).not.toBe(0);
    // the launcher's words, on one of its streams
    expect(job.stdout() + job.stderr()).toMatch(/EXIT CODE: 9|signal 9/i);
    const warn = (message: string) => expect.fail(message);
    expect((await latestCheckpoint(join(output, "checkpoints"), warn))!.step).toBeGreaterThan(0);
  });

  test("a rank that is suspended is reported after a while, and the job ends", async () => {
    const output = join(root, "frozen");
    const recipe = recipeFile("frozen", recipeOf(output, { total: { steps: 100_000 } }));
    const job = startRanks(2, [rank, "train", recipe, "freeze"], { FOVEA_MPI_TIMEOUT: "2" });
    expect(await job.ended()).not.toBe(0);
    expect(job.stderr()).toMatch(
      /fovea: rank 0 of 2 on \S+ failed, which ends the job: waited 2 s for the other ranks \((sum|gather|broadcast)\): .* go on from the last checkpoint with --resume; FOVEA_MPI_TIMEOUT=SECONDS/,
    );
    const pid = Number(/frozen (\d+)/.exec(job.stdout())![1]);
    expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
    const { step } = (await latestCheckpoint(join(output, "checkpoints"), (text) => expect.fail(text)))!;
    // as the message says: the lock of the process that ended itself does not count
    const resumed = resolveRecipe(recipeOf(output, { total: { steps: 100_000 } }));
    const stop = AbortSignal.timeout(1);
    const result = await train(resumed, { resume: true, silent: true, signal: stop });
    expect(result).toMatchObject({ interrupted: true, step: step + 1 });
  });
});
