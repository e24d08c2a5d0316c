/** Runs that start from a trained network: what their first values are, for other images and classes, and what does not fit. */

import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { type ModelConfig, modelConfig, parseModelName, publishedModels } from "../../../src/models/index.js";
import { readNetwork } from "../../../src/networks/index.js";
import {
  prepareTraining,
  type RecipeInput,
  recipeModelOf,
  resolveRecipe,
  startFrom,
} from "../../../src/train/index.js";
import { resizePositions, saveWeights, type Weights } from "../../../src/weights/index.js";
import { hybrid, mixer, resnet, vit, weightsOf } from "../../support/seeded-models.js";
import { temporaryFolder, tinyRecipe, trainTiny } from "../../support/trained-run.js";

const root = temporaryFolder("initial-weights");
afterAll(() => rmSync(root, { recursive: true }));

const recipe = (model: RecipeInput["model"], changes: Partial<RecipeInput> = {}) =>
  resolveRecipe({
    model,
    data: { train: { source: "x", preprocessing: "decode|value_range(-1,1)" } },
    batchSize: 2,
    total: { steps: 2 },
    optimizer: { name: "sgd", learningRate: 0.1 },
    ...changes,
  });

/** First values of a run for so many classes that starts from weights, which are saved beforehand. */
async function started(weights: Weights, model: RecipeInput["model"], classes = 3, changes: Partial<RecipeInput> = {}) {
  const path = join(root, `${weights.config.family}-${weights.image.height}.safetensors`);
  await saveWeights(path, weights, "fovea");
  const { training, plan, objective } = await prepareTraining(recipe(model, changes), 10, classes);
  await objective.close?.();
  const notes: string[] = [];
  const program = await startFrom(training, path, plan.training, (text) => notes.push(text));
  return { first: program.initialState(), random: training.initialState(), notes, program, path };
}

const modelOf = (weights: Weights, side = weights.image.height) => recipeModelOf(weights.config, [side, side, 3]);

test("a network as a recipe's model is that network, for every published one", () => {
  const tiny: ModelConfig[] = [vit, hybrid, mixer, resnet];
  for (const config of [...tiny, ...publishedModels.map(({ name }) => parseModelName(name))]) {
    const { model } = recipe(recipeModelOf(config, [32, 48, 1]));
    expect(model).toMatchObject({ imageSize: [32, 48], channels: 1 });
    // what is not set may be undefined or not there
    expect(JSON.parse(JSON.stringify(modelConfig(model, config.classes)))).toEqual(JSON.parse(JSON.stringify(config)));
  }
});

test.each([
  ["ViT", vit],
  ["hybrid", hybrid],
  ["Mixer", mixer],
  ["ResNet", resnet],
])("a %s keeps every parameter but the head, which is zeros", async (_, config) => {
  const weights = weightsOf(config);
  const { first, random, notes, path, program } = await started(weights, modelOf(weights));
  for (const [name, { data }] of weights.tensors) {
    if (name.startsWith("head/")) continue;
    expect(first[name], name).toEqual(data);
    expect(random[name], name).not.toEqual(data);
  }
  expect(new Set(first["head/kernel"] as Float32Array)).toEqual(new Set([0]));
  expect(first["head/bias"]).toEqual(new Float32Array(3));
  // the optimiser's state is as it was
  for (const name of Object.keys(first).filter((name) => !weights.tensors.has(name)))
    expect(first[name], name).toEqual(random[name]);
  expect(notes).toEqual([
    `starting from ${path}; the head of ${config.classes} classes is replaced by a zero-initialised one for 3 classes`,
  ]);
  // a program takes arrays over; the next start has its own
  expect(program.initialState()["head/kernel"]).not.toBe(program.initialState()["head/kernel"]);
});

test("a head of as many classes is replaced too: the classes are others", async () => {
  const weights = weightsOf(vit);
  const { first } = await started(weights, modelOf(weights), vit.classes);
  expect(new Set(weights.tensors.get("head/kernel")!.data).size).toBeGreaterThan(1);
  expect(new Set(first["head/kernel"] as Float32Array)).toEqual(new Set([0]));
});

test("positions are resized to larger images, and it is said", async () => {
  const weights = weightsOf(vit);
  const { first, notes } = await started(weights, modelOf(weights, 16));
  const [name, { data, shape }] = [...weights.tensors].find(([name]) => name.endsWith("pos_embedding"))!;
  const grid = (side: number) => ({ rows: side, columns: side });
  expect(first[name]).toEqual(resizePositions(data, shape[1]!, grid(2), grid(4), "original"));
  expect(notes.join("\n")).toMatch(/position embedding resized from 2 x 2 to 4 x 4 patches with the method "original"/);
});

test("an MLP-Mixer is brought to twice the size", async () => {
  const weights = weightsOf(mixer);
  const larger = { ...mixer, tokensMlpDim: 24 } as ModelConfig;
  const { notes } = await started(weights, recipeModelOf(larger, [16, 16, 3]));
  expect(notes.join("\n")).toMatch(/token mixing repeated 2\^2 times/);
});

test("averages of the weights start from them too", async () => {
  const weights = weightsOf(vit);
  const { first } = await started(weights, modelOf(weights), 3, { average: { name: "ema", decay: 0.9 } });
  const kept = [...weights.tensors].filter(([name]) => !name.startsWith("head/"));
  for (const [name, { data }] of kept) expect(first[`average/${name}`], name).toEqual(data);
  // two states of one program
  expect(first[`average/${kept[0]![0]}`]).not.toBe(first[kept[0]![0]]);
});

test("an objective's own parameters keep their first values", async () => {
  const weights = weightsOf(vit);
  const { first, random, notes } = await started(weights, modelOf(weights), 3, { objective: { name: "rotation" } });
  const own = Object.keys(first).filter((name) => name.startsWith("objective/"));
  expect(own.length).toBeGreaterThan(0);
  for (const name of own) expect(first[name], name).toEqual(random[name]);
  expect(notes[0]).toMatch(/; the head of 5 classes is removed$/);
});

test("a run with the same objective is continued with the objective's parameters; another objective begins anew", async () => {
  const run = await trainTiny(join(root, "rotation"), { objective: { name: "rotation" } });
  const stored = (await readNetwork(run)).objective!;
  const startWith = async (objective: RecipeInput["objective"]) => {
    const prepared = await prepareTraining(resolveRecipe(tinyRecipe(join(root, "next"), { objective })), 24, 4);
    await prepared.objective.close?.();
    const notes: string[] = [];
    const { training, plan } = prepared;
    const program = await startFrom(training, run, plan.training, (text) => notes.push(text));
    const [first, random] = [program.initialState(), training.initialState()];
    const own = Object.keys(first).filter((name) => /^objective\//.test(name));
    expect(own.length).toBeGreaterThan(0);
    return { first, random, own, notes: notes.join("\n") };
  };
  const same = await startWith({ name: "rotation" });
  for (const name of same.own) {
    expect(same.first[name], name).toEqual(stored.get(name)!.data);
    expect(same.first[name], name).not.toEqual(same.random[name]);
  }
  expect(same.notes).toMatch(/its objective is continued/);
  const other = await startWith({ name: "maskedPatch" });
  for (const name of other.own) expect(other.first[name], name).toEqual(other.random[name]);
  expect(other.notes).not.toMatch(/continued/);
});

test("a run whose objective has more parameters is not continued", async () => {
  const teacher = { network: await trainTiny(join(root, "teacher")), output: "features" as const };
  const distilled = (...teachers: (typeof teacher)[]) => ({ name: "featureDistillation" as const, teachers });
  const run = await trainTiny(join(root, "two-teachers"), { objective: distilled(teacher, teacher) });
  const one = resolveRecipe(tinyRecipe(join(root, "one-teacher"), { objective: distilled(teacher) }));
  const { training, plan, objective } = await prepareTraining(one, 24, 4);
  await objective.close?.();
  const [first, random] = [(await startFrom(training, run, plan.training)).initialState(), training.initialState()];
  const own = Object.keys(first).filter((name) => name.startsWith("objective/"));
  expect(own).toHaveLength(2);
  for (const name of own) expect(first[name], name).toEqual(random[name]);
});

test("what does not fit is named", async () => {
  const weights = weightsOf(vit);
  const model = modelOf(weights);
  await expect(started(weights, { ...model, depth: 1 } as RecipeInput["model"])).rejects.toThrow(
    /does not fit the model:\n {2}extra Transformer\/encoderblock_1/,
  );
  await expect(started(weights, { ...model, width: 16 } as RecipeInput["model"])).rejects.toThrow(
    /is \[.*8.*\], expected \[.*16.*\]/,
  );
  await expect(started(weights, { ...model, channels: 1 })).rejects.toThrow(
    /takes images of 3 channels and the recipe's have 1; set model.channels to 3/,
  );
  const { notes } = await started(weights, { ...model, gelu: "erf", dropout: 0.1 } as RecipeInput["model"]);
  expect(notes.filter((note) => note.includes("was trained with"))).toEqual([
    expect.stringContaining('it was trained with gelu "tanh"; the recipe\'s model has "erf"'),
  ]);
});
