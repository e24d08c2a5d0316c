/** Several steps in one run of the program, and training in half precision: the course of the run is the same however it is cut. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { type RecipeInput, resolveRecipe, train } from "../../../src/train/index.js";
import { courseOf } from "../../support/course.js";
import { temporaryFolder, tinyRecipe } from "../../support/trained-run.js";

const root = temporaryFolder("steps-per-run");
afterAll(() => rmSync(root, { recursive: true, force: true }));

const total = 8;

const recipeOf = (name: string, changes: Partial<RecipeInput>): RecipeInput =>
  tinyRecipe(join(root, name), {
    model: {
      ...{ name: "vit", patchSize: 8, width: 16, depth: 1, heads: 2, mlpDim: 32, imageSize: 16 },
      ...{ dropout: 0.2, stochasticDepth: 0.3 },
    },
    total: { steps: total },
    optimizer: { name: "adamw", learningRate: 1e-2, clipNorm: 1 },
    schedule: { name: "cosine", warmup: { steps: 3 } },
    log: { every: { steps: 1 } },
    evaluate: { every: { steps: 1000 } },
    checkpoint: { every: { steps: 1000 }, keepLast: 9 },
    ...changes,
  });

/** Trains; where told, asks it to stop after a step and goes on. Returns its course and the steps it was stopped at. */
async function course(name: string, changes: Partial<RecipeInput>, stopAt?: number) {
  const recipe = resolveRecipe(recipeOf(name, changes));
  let stopped: number | undefined;
  if (stopAt !== undefined) {
    const stop = new AbortController();
    const onMetrics = ({ step }: { step: number }) => {
      if (step === stopAt) stop.abort();
    };
    stopped = (await train(recipe, { silent: true, signal: stop.signal, onMetrics })).step;
  }
  await train(recipe, { silent: true, resume: stopAt !== undefined });
  return { ...(await courseOf(join(root, name))), stopped };
}

test("three steps a run are the same as single ones to the last bit, resumed too, and a rest is taken one by one", async () => {
  const { stopped: _, ...single } = await course("single", {});
  const { stopped: __, ...three } = await course("three", { stepsPerRun: 3 });
  expect(single.metrics.filter(({ loss }) => loss !== undefined)).toHaveLength(total);
  expect(three).toEqual(single);
  const { stopped, ...resumed } = await course("resumed", { stepsPerRun: 3 }, 2);
  // it ends with the run of the program that step 2 is in
  expect(stopped).toBe(3);
  expect(resumed).toEqual(single);
});

test("evaluations and checkpoints wait for the end of the run of the program they fall into", async () => {
  const changes = {
    stepsPerRun: 4,
    evaluate: { every: { steps: 3 } },
    checkpoint: { every: { steps: 5 }, keepLast: 9 },
  };
  const { metrics } = await course("boundaries", changes);
  const evaluated = metrics.filter((record) => record["evaluation/loss"] !== undefined).map(({ step }) => step);
  expect(evaluated).toEqual([4, 8]);
});

test("half precision with a resumed loss scale is the same to the last bit, close to float32, and scales are logged", async () => {
  const half = { compute: "float16", stepsPerRun: 1 } as const;
  const { stopped: _, ...whole } = await course("half", half);
  const { stopped, ...resumed } = await course("half-resumed", half, 3);
  expect(stopped).toBe(3);
  expect(resumed).toEqual(whole);
  const scale = whole.meta["lossScale"] as { scale: number; goodSteps: number };
  expect(scale.goodSteps).toBeGreaterThan(0);
  expect(whole.metrics.at(-2)?.["lossScale"] ?? whole.metrics.at(-1)?.["lossScale"]).toBe(scale.scale);
  const single = await course("single-again", {});
  const losses = (records: typeof whole.metrics) => records.flatMap(({ loss }) => (loss === undefined ? [] : [loss!]));
  const [a, b] = [losses(whole.metrics), losses(single.metrics)];
  expect(a).not.toEqual(b);
  for (const [i, loss] of a.entries()) expect(Math.abs(loss - b[i]!), `step ${i + 1}`).toBeLessThan(0.05);
});

test("first weights that a penalty keeps are read by every step of a run", async () => {
  const optimizer: RecipeInput["optimizer"] = { name: "sgd", learningRate: 1e-2, l2PenaltyToInitial: 0.1 };
  const { stopped: _, ...single } = await course("initial-single", { optimizer });
  const { stopped: __, ...three } = await course("initial-three", { optimizer, stepsPerRun: 3 });
  expect(three).toEqual(single);
});
