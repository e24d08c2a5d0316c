/** Evaluation inside training: the export's graph with the present weights, against the traced graph as it is. */
import { afterEach, describe, expect, test } from "vitest";
import type { Feeds, Program } from "../../../src/runtime/index.js";
import { openEvaluation, prepareTraining, type RecipeInput, resolveRecipe } from "../../../src/train/index.js";
import { evaluating } from "../../support/rows.js";

const side = 32;
const batchSize = 4;
const classes = 5;
const models = {
  vit: { name: "vit", patchSize: 8, width: 32, depth: 2, heads: 2, mlpDim: 64, imageSize: side },
  resnet: { name: "resnet", blocks: [1, 1], widthFactor: 0.25, groups: 8, imageSize: side },
  mixer: { name: "mixer", patchSize: 8, width: 32, depth: 2, imageSize: side },
} as const;

const opened: Program[] = [];
afterEach(async () => {
  for (const program of opened.splice(0)) await program.close();
});

async function prepared(changes: Partial<RecipeInput>) {
  const recipe = resolveRecipe({
    model: models.vit,
    data: {
      train: { source: "any/", split: "train", preprocessing: `decode|resize(${side})|flip_lr|value_range(-1,1)` },
    },
    batchSize,
    total: { steps: 4 },
    objective: { name: "softmax" },
    optimizer: { name: "adamw", learningRate: 1e-2 },
    output: "runs/any",
    ...changes,
  } as RecipeInput);
  const { training, plan } = await prepareTraining(recipe, 20, classes);
  // weights of every layer that are not zero, and averages that differ from them
  const state = training.initialState();
  for (const [name, values] of Object.entries(state)) {
    const shift = name.startsWith("average/") ? 0.02 : 0.01;
    state[name] = (values as Float32Array).map((value, i) => value + shift * Math.sin(i));
  }
  return { training, plan, state };
}

const image = Float32Array.from({ length: batchSize * side * side * 3 }, (_, i) => Math.sin(0.37 * i));
const label = Int32Array.from({ length: batchSize }, (_, i) => i % classes);
const feedsOf = (inputs: readonly unknown[]): Feeds => (inputs.length === 1 ? { image } : { image, label });

async function compared(changes: Partial<RecipeInput>) {
  const { training, plan, state } = await prepared(changes);
  const fast = await openEvaluation(training, state, { threads: 1 });
  const plain = await evaluating({ training, plan }, "evaluate", state);
  opened.push(fast, plain);
  const feeds = feedsOf(training.evaluation.evaluate.inputs);
  return { fast: await fast.run("run", feeds), plain: await plain.run("run", feeds) };
}

describe("an evaluation inside training", () => {
  test.each([
    ...Object.entries(models).map(([family, model]) => [family, { model: model as RecipeInput["model"] }] as const),
    ["averages", { average: { name: "ema", decay: 0.9 } } as Partial<RecipeInput>] as const,
    ["rotation", { objective: { name: "rotation" } } as Partial<RecipeInput>] as const,
  ])("computes what the traced graph computes (%s)", async (_, changes) => {
    const { fast, plain } = await compared(changes);
    expect(Object.keys(fast).sort()).toEqual(Object.keys(plain).sort());
    for (const [name, values] of Object.entries(plain)) {
      const largest = Array.from(values, Number).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      expect(largest).toBeGreaterThan(0);
      for (const [i, value] of values.entries())
        expect(Math.abs(Number(fast[name]![i]) - Number(value))).toBeLessThanOrEqual(1e-5 * Math.max(1, largest));
    }
  });

  test("uses the averages of the weights where there are any", async () => {
    const changes = { average: { name: "ema", decay: 0.9 } } as Partial<RecipeInput>;
    const averaged = (await compared(changes)).fast["logits"];
    const weights = (await compared({})).fast["logits"];
    expect(averaged).toHaveLength(batchSize * classes);
    expect(averaged).not.toEqual(weights);
  });
});
