/** Losses against golden values (papers.md 5.4 and 12.5), frozen parameters, and counted costs. */
import { expect, test } from "vitest";
import * as g from "../../src/graph/index.js";
import { losses, sigmoidCrossEntropy, smoothTargets, softmaxCrossEntropy, targetsOf } from "../../src/nn/losses.js";
import { compile, evaluate } from "../../src/runtime/index.js";
import { dryRun, prepareTraining, type RecipeInput, resolveRecipe } from "../../src/train/index.js";
import { seeded } from "../support/arrays.js";
import { tinyRecipe } from "../support/trained-run.js";

const labelsOf = (...labels: number[]) => g.constant(labels, [labels.length], "int32");
const value = async (tensor: g.Tensor): Promise<number[]> =>
  Array.from((await evaluate({ value: tensor }, {}, { threads: 1 }))["value"] as Float32Array);

test.each([
  [1000, -6.9, 7.907278, 3e-5],
  [21843, -10, 10.991648, 5e-5],
  [10, 0, 6.931472, 3e-6],
])("sigmoid loss of %i classes whose logits are all %f", async (classes, bias, expected, tolerance) => {
  const logits = g.constant(new Float32Array(classes).fill(bias), [1, classes]);
  const [loss] = await value(sigmoidCrossEntropy(logits, targetsOf(labelsOf(3), classes)));
  expect(Math.abs(loss! - expected)).toBeLessThan(tolerance);
});

test("sigmoid loss sums over classes, an example at a time, and stays finite for large logits", async () => {
  const z = [
    [2, -1, 0.5],
    [-80, 100, -3],
  ];
  const loss = await value(sigmoidCrossEntropy(g.constant(z.flat(), [2, 3]), targetsOf(labelsOf(0, 0), 3)));
  const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
  z.forEach((row, n) => {
    const expected = row.reduce((sum, x, k) => sum + (k === 0 ? softplus(-x) : softplus(x)), 0);
    expect(loss[n]! / expected).toBeCloseTo(1, 6);
  });
});

test("softmax loss, plain and smoothed", async () => {
  const z = [
    [2, -1, 0.5, 0],
    [90, -80, 3, 1],
  ];
  const labels = [1, 0];
  const logs = z.map((row) => {
    const top = Math.max(...row);
    const sum = top + Math.log(row.reduce((total, x) => total + Math.exp(x - top), 0));
    return row.map((x) => x - sum);
  });
  for (const smoothing of [0, 0.1]) {
    const loss = await value(
      softmaxCrossEntropy(g.constant(z.flat(), [2, 4]), smoothTargets(targetsOf(labelsOf(...labels), 4), smoothing)),
    );
    logs.forEach((row, n) => {
      const expected = row.reduce((sum, x, k) => sum - (k === labels[n] ? 1 - smoothing : smoothing / 3) * x, 0);
      expect(Math.abs(loss[n]! - expected)).toBeLessThan(1e-5 * Math.max(1, expected));
    });
  }
});

test("smoothed targets are 1 - e and e / (K - 1), and sum to 1", async () => {
  const targets = await value(smoothTargets(targetsOf(labelsOf(7), 1000), 0.1));
  targets.forEach((target, k) => {
    expect(target).toBeCloseTo(k === 7 ? 0.9 : 0.0001001001, 7);
  });
  expect(targets.reduce((a, b) => a + b)).toBeCloseTo(1, 4);
  expect(await value(targetsOf(labelsOf(1, 0), 2))).toEqual([0, 1, 1, 0]);
});

test("smoothed over all classes the loss is PyTorch's cross_entropy(..., label_smoothing=0.1)", async () => {
  const logits = g.constant([2, -1, 0.5, 0, 0, 3, 1, -2], [2, 4]);
  // torch 1.13, float64, reduction="none": labels 0 and 2, then these vectors of targets
  const ofLabels = [0.504849582389822, 2.2255153626167146];
  const vectors = g.constant([0.7, 0.3, 0, 0, 0, 0.2, 0.8, 0], [2, 4]);
  const ofVectors = [1.314849582389822, 1.8655153626167147];
  const all = await value(softmaxCrossEntropy(logits, smoothTargets(targetsOf(labelsOf(0, 2), 4), 0.1, "all")));
  const mixed = await value(softmaxCrossEntropy(logits, smoothTargets(vectors, 0.1, "all")));
  ofLabels.forEach((golden, i) => {
    expect(all[i]).toBeCloseTo(golden, 6);
  });
  ofVectors.forEach((golden, i) => {
    expect(mixed[i]).toBeCloseTo(golden, 6);
  });
  // the same e over the other classes alone smooths K / (K - 1) times as much
  const others = await value(softmaxCrossEntropy(logits, smoothTargets(targetsOf(labelsOf(0, 2), 4), 0.075)));
  ofLabels.forEach((golden, i) => {
    expect(others[i]).toBeCloseTo(golden, 6);
  });
});

test("a recipe chooses what label smoothing is shared among", async () => {
  const smoothed = (settings: object) =>
    threeSteps({ objective: { name: "softmax", labelSmoothing: 0.3, ...settings } });
  const [others, named, all] = [
    await smoothed({}),
    await smoothed({ labelSmoothingOver: "others" }),
    await smoothed({ labelSmoothingOver: "all" }),
  ];
  expect(named).toEqual(others);
  expect(all).not.toEqual(others);
  expect(() =>
    resolveRecipe(
      tinyRecipe("unused", {
        objective: {
          name: "softmax",
          labelSmoothing: 0.1,
          labelSmoothingOver: "each",
        } as object as RecipeInput["objective"],
      }),
    ),
  ).toThrow(/labelSmoothingOver: expected "others", e \/ \(K - 1\) each, or "all"/);
});

test("logits and targets that do not fit are named with their shapes", () => {
  for (const loss of Object.values(losses)) {
    expect(() => loss(g.input("a", "float32", [2, 3]), g.input("b", "float32", [2, 4]))).toThrow(
      /\[2, 3\].*\[2, 4\].*must both be \[N, classes\]/,
    );
  }
});

const trainingOf = async (changes: Partial<RecipeInput>) =>
  (await prepareTraining(resolveRecipe(tinyRecipe("unused", { batchSize: 8, seed: 5, ...changes })), 24, 4)).training;

/** Every value of the state after three steps on one seeded batch. */
async function threeSteps(changes: Partial<RecipeInput>) {
  const training = await trainingOf(changes);
  const program = await compile(training.source, { inThread: true, threads: 1 });
  await program.writeState(training.initialState());
  const random = seeded(11);
  const image = Float32Array.from({ length: 8 * 16 * 16 * 3 }, () => 2 * random() - 1);
  const label = Int32Array.from({ length: 8 }, (_, i) => i % 4);
  for (let step = 0; step < 3; step++) await program.step({ image, label, ...training.stepInputs(step, 5) });
  const state = await program.readState();
  await program.close();
  return state;
}

test("frozen parameters stay as they are, without state of the optimiser", async () => {
  const optimizer = {
    name: "adamw",
    learningRate: 0.1,
    weightDecay: 0.5,
    clipNorm: 1,
    learningRatePatterns: [
      ["head/.*", 1],
      [".*", 0],
    ],
  } satisfies RecipeInput["optimizer"];
  const state = await threeSteps({ optimizer });
  const training = await trainingOf({ optimizer });
  const before = training.initialState();
  for (const { name } of training.parameters) {
    const moved = (state[name] as Float32Array).some((x, i) => x !== before[name]![i]);
    expect(moved, name).toBe(name.startsWith("head/"));
    expect(`adam/m/${name}` in state, name).toBe(name.startsWith("head/"));
  }
  await expect(trainingOf({ optimizer: { ...optimizer, learningRatePatterns: [[".*", 0]] } })).rejects.toThrow(
    "every parameter is frozen",
  );
});

test("a dry run counts parameters, steps and FLOPs, and writes nothing", async () => {
  const recipe = resolveRecipe(tinyRecipe("/nonexistent/run", { batchSize: 8, total: { epochs: 2 } }));
  const found = await dryRun(recipe);
  // ViT of depth 1, width 16, patches of 8 x 8 x 3, an MLP of 32, mean pooling, four classes, four tokens
  const attention = 4 * (16 * 16 + 16);
  const mlp = 16 * 32 + 32 + 32 * 16 + 16;
  const parameters = 8 * 8 * 3 * 16 + 16 + 4 * 16 + attention + mlp + 3 * 2 * 16 + 16 * 4 + 4;
  expect(found).toMatchObject({ trainingImages: 24, classes: 4, totalSteps: 6, epochs: 2, parameters });
  // forward products of one image: embedding, projections, scores and weighted values, MLP, head
  const forward = 2 * (4 * 192 * 16 + 4 * 4 * 16 * 16 + 2 * 4 * 4 * 16 + 2 * 4 * 16 * 32 + 16 * 4);
  // backward takes twice that, less the gradient of the pixels, which nobody asks for
  const step = 8 * (3 * forward - 2 * 4 * 192 * 16);
  expect(found.flopsPerStep / step).toBeGreaterThan(0.99);
  expect(found.flopsPerStep / step).toBeLessThan(1.05);
  expect(found.totalFlops).toBe(6 * found.flopsPerStep);
  expect(found.stateBytes).toBe(3 * 4 * parameters);
  expect(found.memoryBytes).toBeGreaterThan(found.stateBytes);
  expect(found.matmulGflops).toBeGreaterThan(0);
  expect(found.expectedSeconds).toBeCloseTo(found.totalFlops / (found.matmulGflops * 1e9 * found.assumedRatio), 6);
});

test("a single class is refused by name before anything is traced", async () => {
  await expect(prepareTraining(resolveRecipe(tinyRecipe("unused")), 24, 1)).rejects.toThrow(
    /generated:shapes.* has only one class; a classifier needs at least two/,
  );
});
