/** A run that was killed or interrupted on the command line and resumed is the run that was never stopped, to the last bit. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { latestCheckpoint, listCheckpoints } from "../../../src/networks/index.js";
import { type RecipeInput, readMetrics, resolveRecipe, train } from "../../../src/train/index.js";
import { courseOf } from "../../support/course.js";
import { randomRecipe as randomRecipeIn } from "../../support/random-recipe.js";
import { temporaryFolder } from "../../support/trained-run.js";

const root = temporaryFolder("resume-killed");
const folderOf = (name: string) => join(root, name);
const randomRecipe = (name: string, changes: Partial<RecipeInput> = {}) => randomRecipeIn(folderOf(name), changes);
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe("the command line", () => {
  const bin = fileURLToPath(new URL("../../../bin/fovea.js", import.meta.url));

  // Writes the recipe to a file and starts `fovea train` on it.
  function start(name: string, ...words: string[]): { child: ChildProcess; output: () => string } {
    const file = join(root, `${name}.json`);
    if (!existsSync(file)) writeFileSync(file, JSON.stringify(randomRecipe(name)));
    const child = spawn(process.execPath, [bin, "train", file, ...words], { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (text: Buffer) => {
        output += text.toString();
      });
    }
    return { child, output: () => output };
  }

  const finished = async (child: ChildProcess): Promise<[number | null, string | null]> =>
    (await once(child, "close")) as [number | null, string | null];

  // Waits until the run has saved a step, or has ended.
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
    const [, at] = /stopped after step (\d+) of 100; the state is saved in .*; continue with --resume/.exec(output())!;
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
