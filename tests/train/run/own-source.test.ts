/** A recipe file with a data source of its own: its worker threads load the file, and a killed run resumes to the same weights. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { loadRecipe, train } from "../../../src/train/index.js";
import { courseOf } from "../../support/course.js";
import { temporaryFolder } from "../../support/trained-run.js";

const root = temporaryFolder("own-source");
afterAll(() => rmSync(root, { recursive: true, force: true }));

const bin = fileURLToPath(new URL("../../../bin/fovea.js", import.meta.url));
/** The file to which every thread that opens the source adds its number; the main thread has the number 0. */
const log = join(root, "threads.txt");

/** Stripes, upright or level; the model is one of the package. */
const recipe = (workers: number, version = "1") => `
import { appendFileSync } from "node:fs";
import { threadId } from "node:worker_threads";
import { defineRecipe } from "fovea";
import { defineSource } from "fovea/data";

const side = 16;
const stripes = defineSource({
  name: "stripes",
  version: "${version}",
  splits: ["train", "test"],
  open: (split: string) => {
    appendFileSync(${JSON.stringify(log)}, threadId + "\\n");
    return {
      classNames: ["upright", "level"],
      labels: Int32Array.from({ length: split === "train" ? 22 : 10 }, (_, i) => i % 2),
      image: (index: number) => {
        const at = (x: number, y: number) => ((index % 2 === 0 ? x : y) + (index >> 1)) % 4 < 2;
        const data = Uint8Array.from({ length: side * side }, (_, i) => (at(i % side, Math.floor(i / side)) ? 255 : 0));
        return { data, width: side, height: side };
      },
    };
  },
});

export default defineRecipe({
  model: { name: "vit", patchSize: 4, width: 16, depth: 1, heads: 2, mlpDim: 16, imageSize: side, dropout: 0.1 },
  data: {
    train: { source: stripes, preprocessing: "decode|random_crop(16)|flip_lr|value_range(-1,1)" },
    evaluation: { source: stripes, preprocessing: "decode|value_range(-1,1)" },
    workers: ${workers},
  },
  batchSize: 4,
  total: { steps: 20 },
  optimizer: { name: "adamw", learningRate: 2e-3 },
  log: { every: { steps: 1 } },
  evaluate: { every: { steps: 5 } },
  checkpoint: { every: { steps: 1 } },
  threads: 1,
});
`;

function recipeFile(name: string, text: string): string {
  const file = join(root, `${name}.ts`);
  writeFileSync(file, text);
  return file;
}

function start(...words: string[]) {
  const child = spawn(process.execPath, [bin, "train", ...words], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text: Buffer) => (output += text.toString()));
  return { child, ended: once(child, "close"), output: () => output };
}

test("killed with two worker threads and resumed, it has the weights of a run without workers that was never stopped", async () => {
  const file = recipeFile("workers", recipe(2));
  const killed = join(root, "killed");
  const { child, ended, output } = start(file, "--output", killed);
  const sixth = join(killed, "checkpoints", "step-000000006.safetensors");
  while (!existsSync(sixth) && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 5));
  child.kill("SIGKILL");
  expect((await ended)[1], output()).toBe("SIGKILL");
  // the training images are read in both threads, which loaded the recipe file
  const threads = new Set(readFileSync(log, "utf8").trim().split("\n"));
  expect(threads.size).toBeGreaterThanOrEqual(3);

  const resumed = start(file, "--output", killed, "--resume");
  expect((await resumed.ended)[0], resumed.output()).toBe(0);
  expect(resumed.output()).toMatch(/resumed from step \d+/);

  await train({ ...(await loadRecipe(recipeFile("alone", recipe(0)))), output: join(root, "whole") }, { silent: true });
  const [found, whole] = [await courseOf(killed), await courseOf(join(root, "whole"))];
  expect(found.step).toBe(20);
  expect([found.metrics, found.tensors]).toEqual([whole.metrics, whole.tensors]);
});

test("another version of the source is not resumed, nor a recipe without the code", async () => {
  const newer = start(recipeFile("newer", recipe(0, "2")), "--output", join(root, "whole"), "--resume");
  expect((await newer.ended)[0]).toBe(1);
  expect(newer.output()).toMatch(/data\.train.*custom:stripes.* -> .*custom:stripes\?version=2/s);
  const stored = start(join(root, "whole", "recipe.json"), "--resume");
  expect((await stored.ended)[0]).toBe(1);
  expect(stored.output()).toContain('first import the file that calls defineSource({ name: "stripes", ... })');
});
