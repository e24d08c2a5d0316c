/** Runs that average their weights: what is evaluated, kept and opened, and how much is kept. */

import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openSource } from "../../../src/data/index.js";
import { byteSize } from "../../../src/graph/index.js";
import { asWeights, imageLogits, latestCheckpoint, open, readNetwork } from "../../../src/networks/index.js";
import { averageName } from "../../../src/optim/index.js";
import { prepareTraining, type RecipeInput, readMetrics, resolveRecipe } from "../../../src/train/index.js";
import { saveWeights } from "../../../src/weights/index.js";
import { scored } from "../../support/rows.js";
import { temporaryFolder, tinyRecipe, trainTiny } from "../../support/trained-run.js";

const root = temporaryFolder("average");
const run = join(root, "run");
const changes = {
  optimizer: {
    name: "adamw",
    learningRate: 1e-2,
    momentumDtype: "float16",
    learningRatePatterns: [["encoder/norm/.*", 0]],
  },
  average: { name: "ema", decay: 0.8 },
} satisfies Partial<RecipeInput>;
beforeAll(async () => {
  await trainTiny(run, changes);
});
afterAll(() => rmSync(root, { recursive: true }));

const checkpoint = async () => (await latestCheckpoint(join(run, "checkpoints"), expect.fail))!;

describe("a run that averages its weights", () => {
  test("keeps both, the averages of what is trained only", async () => {
    const { tensors } = await checkpoint();
    const averages = [...tensors.keys()].filter((name) => name.startsWith("average/"));
    expect(averages.length).toBeGreaterThan(10);
    expect(tensors.get(averageName("head/kernel"))!.data).not.toEqual(tensors.get("head/kernel")!.data);
    expect(tensors.get("adam/m/head/kernel")!.dtype).toBe("float16");
  });

  test("is opened with the averages and says so, and computes what the metrics say", async () => {
    const { tensors } = await checkpoint();
    const notes: string[] = [];
    const network = await readNetwork(run, { note: (text) => notes.push(text) });
    expect(notes.at(-1)).toBe("using the averages of its weights over training, with which the run was evaluated");
    expect([...network.tensors.keys()].some((name) => name.includes("average/") || name.startsWith("adam/"))).toBe(
      false,
    );
    expect(network.tensors.get("head/kernel")!.data).toEqual(tensors.get(averageName("head/kernel"))!.data);

    const source = await openSource("generated:shapes?label=shape&size=16&length=9", { split: "test" });
    const lossOf = async (spec: string): Promise<number> => {
      await using model = await open(spec, { output: "logits", batchSize: 4, threads: 1 });
      return scored(await imageLogits(model, source, { workers: 0 })).loss;
    };
    const lines = (await readMetrics(join(run, "metrics.jsonl"))).filter((line) => "evaluation/loss" in line);
    const loss = await lossOf(run);
    expect(lines.at(-1)).toMatchObject({ step: 3, "evaluation/averagedWeights": 1 });
    expect(lines.at(-1)!["evaluation/loss"]).toBeCloseTo(loss, 5);
    // the last weights would have told another loss
    const last = [...network.tensors.keys()].map((name) => [name, tensors.get(name)!] as const);
    const file = join(run, "last.safetensors");
    await saveWeights(file, asWeights({ ...network, tensors: new Map(last) }), "fovea");
    expect(Math.abs((await lossOf(file)) - loss)).toBeGreaterThan(1e-3);
  });
});

test("a schedule of null in a recipe freezes what its pattern names", async () => {
  const recipe = resolveRecipe(
    tinyRecipe("unused", {
      schedule: { name: "linear" },
      schedulePatterns: [
        ["head/.*", { name: "constant", warmup: { percent: 0.5 } }],
        ["embedding/.*", null],
      ],
      total: { steps: 10 },
    }),
  );
  const { training } = await prepareTraining(recipe, 24, 4);
  const names = training.slots.map(({ name }) => name);
  expect(names).toContain("embedding/kernel");
  expect(names).not.toContain("adam/m/embedding/kernel");
  expect(names).toContain("adam/m/head/kernel");
  const { schedule, "schedule/0": head } = training.stepInputs(2, 0) as Record<string, Float32Array>;
  expect(schedule![0]).toBeCloseTo(0.8, 6);
  expect(head![0]).toBeCloseTo(0.4, 6);
});

test("the state of a run takes the bytes of the precision it is kept in", async () => {
  const bytesOf = async (more: Partial<RecipeInput>) => {
    const { training } = await prepareTraining(resolveRecipe(tinyRecipe("unused", more)), 24, 4);
    const { slots, parameters, parameterCount } = training;
    const bytes = slots.reduce((total, { input }) => total + byteSize(input), 0);
    return { each: bytes / parameterCount, scales: (4 * parameters.length) / parameterCount };
  };
  const learningRate = 1e-2;
  const half = await bytesOf({ optimizer: { name: "adamw", learningRate, momentumDtype: "float16" } });
  const averaged = await bytesOf({ average: { name: "polyak" } });
  const factored = await bytesOf({ optimizer: { name: "adafactor", learningRate, minDimSizeToFactor: 8 } });
  expect(half.each).toBeCloseTo(4 + 2 + 4 + half.scales, 9);
  expect(averaged.each).toBe(4 + 4 + 4 + 4);
  // parameters, momentum, and little for the second moment
  expect(factored.each).toBeGreaterThan(4 + 2 + factored.scales);
  expect(factored.each).toBeLessThan(4 + 2 + factored.scales + 1.5);
});
