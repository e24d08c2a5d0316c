/** State that is written over while a step runs is, to the last bit, what it is where every output is copied. */

import { describe, expect, test } from "vitest";
import { modelConfig } from "../../../src/models/index.js";
import { compile, type Feeds, type Program } from "../../../src/runtime/index.js";
import { overwritable } from "../../../src/runtime/overwrites.js";
import { buildTraining, classification, type RecipeInput, resolveRecipe } from "../../../src/train/index.js";
import type { TrainingConfig } from "../../../src/train/plan/step.js";
import { tinyRecipe } from "../../support/trained-run.js";

const side = 16;
const classes = 5;
const batchSize = 8;

const vit = { name: "vit", patchSize: 8, width: 16, depth: 2, heads: 2, mlpDim: 32, imageSize: side } as const;
const models: Record<string, RecipeInput["model"]> = {
  "ViT, class token, dropout": { ...vit, pooling: "tok", dropout: 0.1 },
  "ViT, attention pooling, rematerialised": { ...vit, pooling: "map", rematerialise: true },
  "ViT, relative positions": { ...vit, patchSize: 4, posEmbedding: "relative" },
  hybrid: { ...vit, patchSize: 1, stem: { kind: "resnet", blocks: [1, 1], widthFactor: 0.125, groups: 4 } },
  Mixer: { name: "mixer", patchSize: 4, width: 16, depth: 2, imageSize: side },
  "BiT ResNet": { name: "resnet", blocks: [1, 1], widthFactor: 0.125, groups: 4, imageSize: side },
  "BiT ResNet, rematerialised": {
    name: "resnet",
    blocks: [1, 1],
    widthFactor: 0.125,
    groups: 4,
    imageSize: side,
    rematerialise: true,
  },
};

const optimizers: Record<string, Partial<TrainingConfig>> = {
  "SGD with momentum": { optimizer: { name: "sgd", learningRate: 0.1 } },
  "SGD without momentum": { optimizer: { name: "sgd", learningRate: 0.1, momentum: 0 } },
  "AdamW, clipped": { optimizer: { name: "adamw", learningRate: 0.01, weightDecay: 0.1, clipNorm: 1 } },
  "AdamW with averages, half momentum": {
    optimizer: { name: "adamw", learningRate: 0.01, momentumDtype: "float16" },
    average: { kind: "ema", decay: 0.9 },
  },
  "Adafactor, clipped, two microbatches": {
    optimizer: { name: "adafactor", learningRate: 0.01, minDimSizeToFactor: 8, clipNorm: 1 },
    microbatches: 2,
  },
  "L2 penalty, frozen embedding": {
    optimizer: { name: "sgd", learningRate: 0.1, l2Penalty: 0.01, learningRatePatterns: [[".*(embedding|root).*", 0]] },
  },
};

function built(model: RecipeInput["model"], changes: Partial<TrainingConfig>) {
  const config = modelConfig(resolveRecipe(tinyRecipe("unused", { model })).model, classes);
  const sizes = { model: config, image: [side, side, 3] as const, batchSize, evaluationBatchSize: batchSize };
  const objective = classification(
    { loss: "softmax", labelSmoothing: 0, labelSmoothingOver: "others" },
    { ...sizes, classes, valueRange: [[-1, 1]], vectorTargets: false },
  );
  const plan = { ...sizes, microbatches: 1, schedule: () => 1, optimizer: { name: "sgd" as const, learningRate: 0.1 } };
  return buildTraining(objective, { ...plan, ...changes }, 0);
}

type Built = ReturnType<typeof built>;

/** A start at which every gradient flows: heads and scales start at zero otherwise. */
function started(one: Built): Feeds {
  let seed = 1;
  const draw = () => {
    seed = (seed * 16807) % 2147483647;
    return seed / 2147483647 - 0.5;
  };
  const names = new Set(one.parameters.map(({ name }) => name));
  return Object.fromEntries(
    Object.entries(one.initialState()).map(([name, values]) => [
      name,
      names.has(name.replace(/^average\//, ""))
        ? Float32Array.from(values as Float32Array, (v) => v + 0.2 * draw())
        : values,
    ]),
  );
}

const feedsAt = (one: Built, step: number): Feeds => ({
  image: Float32Array.from({ length: batchSize * side * side * 3 }, (_, i) => Math.sin(i * (step + 1))),
  label: Int32Array.from({ length: batchSize }, (_, i) => (i + step) % classes),
  ...one.stepInputs(step, 0),
});

type Take = (program: Program, feeds: Feeds) => Promise<unknown>;

/** The state after three steps. */
async function stateAfter(one: Built, copyOutputs: boolean, take: Take) {
  const { step } = one.source.functions;
  await using program = await compile(
    { state: one.source.state, functions: { step: step! } },
    { threads: 2, inThread: true, copyOutputs },
  );
  await program.writeState(started(one));
  for (let i = 0; i < 3; i++) await take(program, feedsAt(one, i));
  return await program.readState();
}

describe.each(Object.entries(models))("%s", (_, model) => {
  test.each(Object.entries(optimizers))("%s", async (__, changes) => {
    const one = built(model, changes);
    const copied = await stateAfter(one, true, (program, feeds) => program.step(feeds));
    // written over where it may be, else into second arrays that take turns
    expect(await stateAfter(one, false, (program, feeds) => program.step(feeds))).toEqual(copied);
    // with a guard always into second arrays
    const guarded: Take = (program, feeds) => program.attempt("step", feeds, { commitWhenFinite: ["loss"] });
    expect(await stateAfter(one, false, guarded)).toEqual(copied);
  });
});

test("a clipped step writes over all state, one that is not keeps kernels that the backward pass still reads", () => {
  const overwrittenBy = (changes: Partial<TrainingConfig>) => {
    const { state, functions } = built(models["ViT, class token, dropout"]!, changes).source;
    const { outputs, next = {} } = functions["step"]!;
    return {
      next: Object.keys(next),
      found: overwritable([...Object.values(outputs), ...Object.values(next)], next, state),
    };
  };
  const clipped = overwrittenBy(optimizers["AdamW, clipped"]!);
  expect(clipped.found.sort()).toEqual(clipped.next.sort());
  const plain = overwrittenBy(optimizers["SGD with momentum"]!);
  expect(plain.found).toContain("momentum/head/kernel");
  expect(plain.found).not.toContain("head/kernel");
});

test("a step that overflows keeps the state it had", async () => {
  const one = built(models["BiT ResNet"]!, optimizers["AdamW, clipped"]!);
  const first = started(one);
  const state = await stateAfter(one, false, (program, feeds) =>
    program.attempt(
      "step",
      { ...feeds, image: new Float32Array(batchSize * side * side * 3).fill(Number.NaN) },
      { commitWhenFinite: ["loss"] },
    ),
  );
  expect(state).toEqual(first);
});
