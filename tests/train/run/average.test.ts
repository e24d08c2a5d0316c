/** Runs that average their weights: what is evaluated, kept and opened, and how much is kept. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openSource } from "../../../src/data/index.js";
import { byteSize } from "../../../src/graph/index.js";
import { averageName } from "../../../src/optim/index.js";
import {
  byLabel,
  evaluateSource,
  latestCheckpoint,
  openModel,
  prepareTraining,
  type RecipeInput,
  readMetrics,
  readNetwork,
  resolveRecipe,
} from "../../../src/train/index.js";
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
    await using model = await openModel(run, { batchSize: 4, threads: 1 });
    const pass = { batchSize: 4, preprocessing: model.preprocessing, workers: 0 };
    const lines = (await readMetrics(join(run, "metrics.jsonl"))).filter((line) => "evaluation/loss" in line);
    const { loss } = await evaluateSource(model.program, byLabel, source, pass);
    expect(lines.at(-1)).toMatchObject({ step: 3, "evaluation/averagedWeights": 1 });
    expect(lines.at(-1)!["evaluation/loss"]).toBeCloseTo(loss, 5);
    // the last weights would have told another loss
    const last = [...network.tensors.keys()].map((name) => [name, tensors.get(name)!.data as Float32Array] as const);
    await model.program.writeState(Object.fromEntries(last));
    const other = await evaluateSource(model.program, byLabel, source, pass);
    expect(Math.abs(other.loss - loss)).toBeGreaterThan(1e-3);
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
