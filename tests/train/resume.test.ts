/** A run that was stopped and resumed is the run that was never stopped, to the last bit, however it was stopped. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  latestCheckpoint,
  listCheckpoints,
  type RecipeInput,
  readMetrics,
  resolveRecipe,
  train,
} from "../../src/train/index.js";
import { courseOf, stoppedAt } from "../support/course.js";
import { temporaryFolder, tinyRecipe } from "../support/trained-run.js";

const root = temporaryFolder("resume");
const folderOf = (name: string) => join(root, name);
afterAll(() => rmSync(root, { recursive: true, force: true }));

const total = 12;

/** Everything that draws random numbers: dropout, stochastic depth, random crops and flips, over several epochs. */
const randomRecipe = (name: string, changes: Partial<RecipeInput> = {}): RecipeInput =>
  tinyRecipe(folderOf(name), {
    model: {
      name: "vit",
      patchSize: 8,
      width: 16,
      depth: 2,
      heads: 2,
      mlpDim: 32,
      imageSize: 16,
      dropout: 0.2,
      stochasticDepth: 0.3,
    },
    data: {
      train: {
        source: "generated:shapes?label=shape&size=20&length=18",
        preprocessing: "decode|random_crop(16)|flip_lr|value_range(-1,1)",
      },
      evaluation: {
        source: "generated:shapes?label=shape&size=16&length=9",
        preprocessing: "decode|value_range(-1,1)",
      },
      workers: 0,
    },
    total: { steps: total },
    optimizer: { name: "adamw", learningRate: 1e-2, weightDecay: 0.1, clipNorm: 1 },
    schedule: { name: "cosine", warmup: { steps: 3 } },
    log: { every: { steps: 1 } },
    evaluate: { every: { steps: 5 } },
    checkpoint: { every: { steps: 1 }, keepLast: 30 },
    ...changes,
  });

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
      new RegExp(`was started with other settings; resume with the same ones.*\\n {2}${line.replaceAll(".", "\\.")}$`),
    );
    expect(await courseOf(folderOf("whole"))).toEqual(whole);
  });

  test("is not resumed where there is none", async () => {
    await expect(train(resolveRecipe(randomRecipe("nowhere")), { silent: true, resume: true })).rejects.toThrow(
      /there is no run to resume in .*nowhere; start one without --resume/,
    );
    expect(existsSync(folderOf("nowhere"))).toBe(false);
  });
});

describe("the command line", () => {
  const bin = fileURLToPath(new URL("../../bin/fovea.js", import.meta.url));

  /** Writes the recipe to a file and starts `fovea train` on it. */
  function start(name: string, ...words: string[]): { child: ChildProcess; output: () => string } {
    const file = join(root, `${name}.json`);
    if (!existsSync(file)) writeFileSync(file, JSON.stringify(randomRecipe(name)));
    const child = spawn(process.execPath, [bin, "train", file, ...words], { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream!.on("data", (text: Buffer) => {
        output += text.toString();
      });
    }
    return { child, output: () => output };
  }

  const finished = async (child: ChildProcess): Promise<[number | null, string | null]> =>
    (await once(child, "close")) as [number | null, string | null];

  /** Waits until the run has saved a step, or has ended. */
  async function reached(name: string, step: number, child: ChildProcess): Promise<void> {
    const saved = join(folderOf(name), "checkpoints", `step-${String(step).padStart(9, "0")}.safetensors`);
    while (!existsSync(saved) && child.exitCode === null && child.signalCode === null) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  test("kill -9 at 20 random moments, each time resumed: the same to the last bit", { timeout: 300_000 }, async () => {
    const changes: Partial<RecipeInput> = { total: { steps: 150 }, checkpoint: { every: { steps: 1 }, keepLast: 2 } };
    await train(resolveRecipe(randomRecipe("long", changes)), { silent: true });
    writeFileSync(join(root, "killed.json"), JSON.stringify(randomRecipe("killed", changes)));
    const newest = async () =>
      (await listCheckpoints(join(folderOf("killed"), "checkpoints"))).checkpoints.at(-1)?.step ?? 0;
    let kills = 0;
    let damaged = 0;
    for (let i = 0; i < 20; i++) {
      const at = await newest();
      const { child } = start("killed", ...(at === 0 ? ["--overwrite"] : ["--resume"]));
      const ended = finished(child);
      // every second time while it starts or loads, the others in the middle of steps, saving among them
      if (i % 2 === 0) await reached("killed", at + 1, child);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * (i % 2 === 0 ? 60 : 600)));
      child.kill("SIGKILL");
      const [, signal] = await ended;
      if (signal === "SIGKILL") kills++;
      damaged += (await listCheckpoints(join(folderOf("killed"), "checkpoints"))).damaged.length;
    }
    expect([kills, damaged]).toEqual([20, 0]);
    const { child, output } = start("killed", "--resume");
    const [status] = await finished(child);
    expect(status, output()).toBe(0);
    expect(await courseOf(folderOf("killed"))).toEqual(await courseOf(folderOf("long")));
  });

  test("Ctrl-C saves, exits with an error and says how to go on; --resume finishes", async () => {
    // long enough to be caught in the middle
    const length = "--total.steps=100";
    const { child, output } = start("interrupted", length);
    const ended = finished(child);
    await reached("interrupted", 2, child);
    child.kill("SIGINT");
    const [status, signal] = await ended;
    expect([status, signal], output()).toEqual([1, null]);
    const [, at] = /stopped after step (\d+) of 100; the state is saved in .*; go on with --resume/.exec(output())!;
    expect((await latestCheckpoint(join(folderOf("interrupted"), "checkpoints")))!.step).toBe(Number(at));

    const again = start("interrupted", length);
    expect((await finished(again.child))[0]).toBe(1);
    expect(again.output()).toMatch(/already holds a run; continue it with --resume/);

    const resumed = start("interrupted", length, "--resume");
    expect((await finished(resumed.child))[0], resumed.output()).toBe(0);
    expect(resumed.output()).toContain(`resumed from step ${at}`);
    expect(resumed.output()).toContain("trained 100 steps");
    const metrics = await readMetrics(join(folderOf("interrupted"), "metrics.jsonl"));
    const steps = metrics.flatMap(({ step, loss }) => (loss === undefined ? [] : [step]));
    expect(steps).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
  });
});
