/** A recipe with a model, an objective, an optimiser and a schedule of the user is trained, killed, resumed, opened and exported like any other. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { exportNetwork, open } from "../../../src/networks/index.js";
import { loadRecipe, train } from "../../../src/train/index.js";
import { courseOf } from "../../support/course.js";
import { ownParts } from "../../support/own-parts.js";
import { temporaryFolder } from "../../support/trained-run.js";

const root = temporaryFolder("own-parts");
afterAll(() => rmSync(root, { recursive: true, force: true }));

const bin = fileURLToPath(new URL("../../../bin/fovea.js", import.meta.url));
const folderOf = (name: string) => join(root, name);

function recipeFile(name: string, text: string): string {
  const file = join(root, `${name}.ts`);
  writeFileSync(file, text);
  return file;
}

function start(...words: string[]): { child: ChildProcess; ended: Promise<unknown[]>; output: () => string } {
  const child = spawn(process.execPath, [bin, ...words], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (text: Buffer) => {
      output += text.toString();
    });
  }
  return { child, ended: once(child, "close"), output: () => output };
}

async function saved(folder: string, step: number, child: ChildProcess): Promise<void> {
  const file = join(folder, "checkpoints", `step-${String(step).padStart(9, "0")}.safetensors`);
  while (!existsSync(file) && child.exitCode === null && child.signalCode === null) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test("killed and resumed it has the weights of a run that was never stopped", async () => {
  const file = recipeFile("own", ownParts());
  const killed = folderOf("killed");
  for (const step of [7, 16]) {
    const { child, ended, output } = start("train", file, "--output", killed, "--resume");
    await saved(killed, step, child);
    child.kill("SIGKILL");
    const [, signal] = await ended;
    expect(signal, output()).toBe("SIGKILL");
  }
  const { ended, output } = start("train", file, "--output", killed, "--resume");
  const [status] = await ended;
  expect(status, output()).toBe(0);
  expect(output()).toMatch(/resumed from step 1\d/);

  // in this process, from the sources: the recipe's definitions are added to the engine that trains
  await train({ ...(await loadRecipe(file)), output: folderOf("whole") }, { silent: true });
  const [resumed, whole] = [await courseOf(killed), await courseOf(folderOf("whole"))];
  expect(resumed.step).toBe(30);
  expect(resumed).toEqual(whole);
  expect([...whole.tensors.keys()].sort()).toEqual(
    ["head/bias", "head/kernel", "hidden/bias", "hidden/kernel"]
      .flatMap((name) => [name, `average/${name}`, `optimizer/momentum/${name}`])
      .sort(),
  );
  const losses = whole.metrics.flatMap(({ loss }) => (loss === undefined ? [] : [loss]));
  expect(losses.at(-1)).toBeLessThan(losses[0] ?? 0);
  // the schedule: a warm-up of 3 steps, halved every quarter of the 30 steps
  const rate = (step: number) =>
    whole.metrics.find((record) => record.step === step && record["learningRate"] !== undefined)?.["learningRate"];
  expect([1, 4, 9, 30].map(rate)).toEqual([0, 2e-3, 1e-3, 2.5e-4]);
});

test("its network is opened and exported while its model is defined", async () => {
  await using network = await open(folderOf("whole"), { output: "logits", batchSize: 2 });
  const image = Float32Array.from({ length: 2 * 16 * 16 * 3 }, (_, i) => Math.sin(i));
  const logits = await network.run({ image: image.slice() });
  expect(logits).toHaveLength(2 * 4);
  const file = join(root, "own.onnx");
  await exportNetwork(folderOf("whole"), file, { outputs: "logits" });
  await using exported = await open(file, { output: "logits", batchSize: 2 });
  const again = await exported.run({ image });
  for (const [i, logit] of logits.entries()) expect(again[i]).toBeCloseTo(logit, 5);
});

test("without the code, errors name what is missing and what to do", async () => {
  const resumed = start("train", join(folderOf("whole"), "recipe.json"), "--resume");
  expect((await resumed.ended)[0]).toBe(1);
  expect(resumed.output()).toMatch(
    /model.definition: the model "two-layers" \(version "1"\) is user-defined, and nothing defines it here; first import the file that calls defineModel\(\{ name: "two-layers", ... \}\)\n {2}objective.definition: the objective "squared-hinge".*\n {2}optimizer.definition: the optimiser "lion".*\n {2}schedule.definition: the schedule "halving"/,
  );
  const embedded = start(
    "embed",
    folderOf("whole"),
    "embedded:clothing?take=1",
    "--output",
    join(root, "x.safetensors"),
  );
  expect((await embedded.ended)[0]).toBe(1);
  expect(embedded.output()).toContain('first import the file that calls defineModel({ name: "two-layers", ... })');
});

test("another version or other settings are not resumed", async () => {
  const changed = await loadRecipe(recipeFile("changed", ownParts({ width: 32 })));
  await expect(train({ ...changed, output: folderOf("whole") }, { resume: true, silent: true })).rejects.toThrow(
    /other settings.*\n {2}model.settings.width: 24 -> 32$/,
  );
  const newer = await loadRecipe(recipeFile("newer", ownParts({ version: "2" })));
  await expect(train({ ...newer, output: folderOf("whole") }, { resume: true, silent: true })).rejects.toThrow(
    /objective.definition: the user-defined objective "squared-hinge" has version "2" here; expected version "1", with which the run was started/,
  );
  expect(JSON.parse(readFileSync(join(folderOf("whole"), "recipe.json"), "utf8"))).toMatchObject({
    objective: { name: "custom", definition: "squared-hinge", version: "1", settings: {} },
    optimizer: { name: "custom", definition: "lion", settings: { beta1: 0.9, beta2: 0.99 }, weightDecay: 0.1 },
  });
});
