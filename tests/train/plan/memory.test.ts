/** The estimate of a run's memory, and the settings that are found to fit into less. Graphs are built, none is run. */
import { describe, expect, test } from "vitest";
import { input } from "../../../src/graph/index.js";
import type { StateSlot } from "../../../src/optim/index.js";
import {
  dryRun,
  fitMemory,
  memoryCandidates,
  memoryChoice,
  memoryOf,
  memorySettings,
  type RecipeInput,
  resolveRecipe,
  TrainError,
} from "../../../src/train/index.js";
import { tinyRecipe } from "../../support/trained-run.js";

/** Deep and with many tokens, so that activations and not the state decide. */
const recipe = (changes: Partial<RecipeInput> = {}) =>
  resolveRecipe(
    tinyRecipe("unused", {
      model: { name: "vit", patchSize: 4, width: 64, depth: 3, heads: 2, mlpDim: 256, imageSize: 64 },
      data: {
        train: { source: "generated:shapes?label=shape&size=64&length=64", preprocessing: "decode|value_range(-1,1)" },
        workers: 0,
      },
      batchSize: 32,
      microbatches: 1,
      checkpoint: { every: { steps: 1 } },
      ...changes,
    }),
  );
const data = { images: 64, classes: 4, vectorTargets: false };
const of = async (rematerialise: boolean, microbatches: number) =>
  (await memoryChoice(recipe(), { rematerialise, microbatches }, data))!;

test("candidates begin with the recipe's own settings and divide the batch, small parts last", () => {
  expect(memoryCandidates(recipe({ batchSize: 12 }))).toEqual([
    ...[1, 2, 3].map((microbatches) => ({ rematerialise: false, microbatches })),
    ...[1, 2, 3].map((microbatches) => ({ rematerialise: true, microbatches })),
    ...[4, 6, 12].map((microbatches) => ({ rematerialise: false, microbatches })),
    ...[4, 6, 12].map((microbatches) => ({ rematerialise: true, microbatches })),
  ]);
  const set = recipe({ batchSize: 8, microbatches: 4, model: { ...recipe().model, rematerialise: true } });
  expect(memoryCandidates(set).map(({ microbatches }) => microbatches)).toEqual([4, 8]);
  expect(memoryCandidates(set).every(({ rematerialise }) => rematerialise)).toBe(true);
});

describe("a budget", () => {
  test("that holds the recipe as it is changes nothing; less of it costs more time", async () => {
    const [plain, parts, again] = [await of(false, 1), await of(false, 4), await of(true, 1)];
    expect(parts.memoryBytes).toBeLessThan(plain.memoryBytes);
    expect(again.memoryBytes).toBeLessThan(plain.memoryBytes);
    expect(parts.flopsPerStep).toBe(plain.flopsPerStep);
    expect(again.flopsPerStep / plain.flopsPerStep).toBeGreaterThan(1.25);
    expect(again.flopsPerStep / plain.flopsPerStep).toBeLessThan(4 / 3);
    const whole = await fitMemory(recipe(), plain.memoryBytes, data);
    expect(memorySettings(whole.recipe)).toEqual({ rematerialise: false, microbatches: 1 });
    const less = await fitMemory(recipe(), parts.memoryBytes, data);
    expect(less.choice.memoryBytes).toBeLessThanOrEqual(parts.memoryBytes);
    expect(memorySettings(less.recipe).rematerialise).toBe(false);
    expect(memorySettings(less.recipe).microbatches).toBeGreaterThan(1);
  });

  test("that nothing fits into is an error with the smallest that would do", async () => {
    const failed = await fitMemory(recipe({ batchSize: 8 }), 1e6, data).catch((error: unknown) => error as Error);
    expect(failed).toBeInstanceOf(TrainError);
    expect((failed as Error).message).toMatch(/^no settings fit into 1.00 MB; the smallest need is about \d+ MB/);
    const megabytes = Number(/--memory (\d+)MB/.exec((failed as Error).message)![1]);
    const fit = await fitMemory(recipe({ batchSize: 8 }), megabytes * 1e6, data);
    expect(fit.choice.memoryBytes).toBeLessThanOrEqual(megabytes * 1e6);
    await expect(fitMemory(recipe({ batchSize: 8 }), (megabytes - 2) * 1e6, data)).rejects.toThrow(TrainError);
  });
});

test("a dry run tells what each choice takes and which one a budget takes", async () => {
  const { memoryBytes } = await of(false, 2);
  const found = await dryRun(recipe(), { memory: memoryBytes });
  expect(found.choices[0]).toMatchObject({ settings: { rematerialise: false, microbatches: 1 }, taken: false });
  expect(found.choices.map(({ settings }) => settings.microbatches)).toEqual([1, 2, 4, 8, 1, 2, 4, 8, 1]);
  expect(found.choices.at(-1)!.settings.momentumDtype).toBe("float16");
  expect(found.choices.filter(({ taken }) => taken)).toEqual([found.choices[1]]);
  expect(found.choices[1]!.memoryBytes).toBe(memoryBytes);
  expect(found.memoryBytes).toBe(memoryBytes);
  expect(found.choices[4]!.expectedSeconds).toBeGreaterThan(found.choices[0]!.expectedSeconds);
});

test("state is counted at its own precision", () => {
  const cost = { flops: 0, peakBytes: 0, inputBytes: 0, outputBytes: 0, nodes: 0 };
  const slot = (dtype: "float32" | "float16") => ({ input: input("m", dtype, [1000]) }) as unknown as StateSlot;
  const of = (dtype: "float32" | "float16") =>
    memoryOf({ cost: { step: cost, evaluate: cost }, slots: [slot(dtype), slot("float32")], secondStateBytes: 0 });
  // and its first values as much again
  expect(of("float32") - of("float16")).toBe(4000);
});
