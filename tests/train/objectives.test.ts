/** Every objective: values and gradients against plain float64 loops, microbatches, draws, training, resuming. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createRandom } from "../../src/data/index.js";
import { grad } from "../../src/graph/index.js";
import { Scope } from "../../src/nn/index.js";
import { compile, type Device, evaluate, type Feeds } from "../../src/runtime/index.js";
import { prepareTraining, type RecipeInput, resolveRecipe, train } from "../../src/train/index.js";
import { drawCorruption, meanColours } from "../../src/train/objectives/masked-patch.js";
import { distantPermutations } from "../../src/train/objectives/permutations.js";
import { courseOf, stoppedAt } from "../support/course.js";
import { testDevice } from "../support/devices.js";
import { expectDifferences } from "../support/gradients.js";
import {
  batchesOf,
  classes,
  type Inputs,
  images,
  network,
  type ObjectiveCase,
  objectiveCases,
  side,
  stackedSource,
} from "../support/objective-cases.js";
import { semiSupervisedCases } from "../support/semi-supervised-cases.js";
import { temporaryFolder, tinyRecipe } from "../support/trained-run.js";
import { parameterValues } from "../support/vit-cases.js";

const root = temporaryFolder("objectives");
afterAll(() => rmSync(root, { recursive: true, force: true }));

const seed = 5;
const preprocessing = "decode(0)|value_range(-1,1)";

const dataOf = ({ unlabelled }: ObjectiveCase): RecipeInput["data"] => ({
  train: { source: "stacked", preprocessing },
  ...(unlabelled !== undefined && { unlabelled: { source: "stacked", preprocessing } }),
  workers: 0,
});

const recipeOf = (one: ObjectiveCase, changes: Partial<RecipeInput> = {}): RecipeInput =>
  tinyRecipe("unused", {
    model: { name: "vit", ...network, imageSize: side },
    data: dataOf(one),
    objective: one.settings,
    batchSize: images,
    seed,
    optimizer: { name: "sgd", learningRate: 0.1, clipNorm: 1 },
    ...changes,
  });

const prepared = (one: ObjectiveCase, changes: Partial<RecipeInput> = {}) =>
  prepareTraining(resolveRecipe(recipeOf(one, changes)), 24, classes);

const allCases = [...objectiveCases, ...semiSupervisedCases];

/** The case with the pictures of an image that it is judged on. */
const judgedOn = (one: ObjectiveCase): ObjectiveCase =>
  one.evaluationStack === undefined ? one : { ...one, stack: one.evaluationStack };

/** The row of the table of that title. */
const caseOf = (title: string) => allCases.find((one) => one.title === title)!;

const numbers = (feeds: Feeds): Inputs =>
  Object.fromEntries(Object.entries(feeds).map(([name, values]) => [name, Array.from(values as Float32Array)]));
const average = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

describe.each(allCases.map((one) => [one.title, one] as const))("%s", (title, one) => {
  let ready: Awaited<ReturnType<typeof prepared>>;
  beforeAll(async () => {
    ready = await prepared(one);
  });

  /** Loss and gradients of a step against the plain loops and their differences. */
  async function expectStep(device: Device): Promise<void> {
    const { objective, training } = ready;
    const scope = Scope.root({ parameters: training.parameters });
    const { loss } = objective.trace(scope, objective.inputs);
    const gradients = grad(
      loss,
      training.parameters.map(({ tensor }) => tensor),
    );
    const names = training.parameters.map(({ name }) => name);
    const values = parameterValues(training.parameters);
    const feeds = await objective.feeds(batchesOf(one), createRandom("step", seed, 0));
    const inputs = numbers(feeds);
    const outputs = { loss, ...Object.fromEntries(names.map((name, i) => [`d ${name}`, gradients[i]!])) };
    const found = await evaluate(outputs, { ...values, ...feeds }, { device });
    const doubles = Object.fromEntries(Object.entries(values).map(([name, data]) => [name, Float64Array.from(data)]));
    const plainLoss = () => average(one.plain(doubles, inputs).map(({ loss }) => loss));
    expect(Number(found["loss"]![0]) / plainLoss()).toBeCloseTo(1, 5);
    expectDifferences({
      names,
      found,
      doubles,
      loss: plainLoss,
      step: 1e-6,
      positions: (length) => [...new Set([Math.floor(length * 0.37), Math.floor(length * 0.83)])],
      tolerance: { own: 1e-3, largest: 1e-5 },
      // softmax over keys does not see what is added to all of them; single entries of others may meet no input
      mayVanish: () => true,
    });
    // the objective's own parameters all have a part in it
    for (const name of names.filter((name) => /^(objective|head)\//.test(name))) {
      const largest = Math.max(...Array.from(found[`d ${name}`] as Float32Array, (x) => Math.abs(Number(x))));
      expect(largest, name).toBeGreaterThan(1e-6);
    }
  }

  test("loss and gradients are those of the plain loops", () => expectStep("cpu"));

  test.skipIf(testDevice("webgpu").missing !== undefined || !/^(rotation|masked patches|jigsaw)$/.test(title))(
    "so they are on WebGPU",
    () => expectStep("webgpu"),
  );

  test.skipIf(one.initialLoss === undefined)("the loss before the first step is the one of guessing", async () => {
    const { objective, training } = ready;
    const scope = Scope.root({ parameters: training.parameters });
    const { loss } = objective.trace(scope, objective.inputs);
    const feeds = await objective.feeds(batchesOf(one), createRandom("step", seed, 0));
    const found = await evaluate({ loss }, { ...training.initialState(), ...feeds });
    expect(Number(found["loss"]![0])).toBeCloseTo(one.initialLoss!, 5);
  });

  test("the evaluation gives the loss and the share of right answers of every image, whatever pads the batch", async () => {
    const padding = 1;
    const { objective, training } = ready;
    const scope = Scope.root({ parameters: training.parameters });
    const values = parameterValues(training.parameters);
    const feeds = await objective.evaluation.feeds(batchesOf(judgedOn(one), padding).train);
    const inputs = numbers(feeds);
    expect(Object.keys(feeds).sort()).toEqual(
      objective.evaluation.inputs.map(({ producer }) => (producer.attributes as { name: string }).name).sort(),
    );
    const results = await evaluate({ ...objective.evaluation.outputs(scope) }, { ...values, ...feeds });
    const { loss, correct } = objective.evaluation.score(results, feeds);
    const doubles = Object.fromEntries(Object.entries(values).map(([name, data]) => [name, Float64Array.from(data)]));
    const expected = one.plain(doubles, inputs);
    expect(loss).toHaveLength(images);
    for (let i = 0; i < images - padding; i++) {
      expect(Math.abs(Number(loss[i]) - expected[i]!.loss), `loss of image ${i}`).toBeLessThan(
        1e-4 * (1 + expected[i]!.loss),
      );
      expect(Number(correct[i]), `answers of image ${i}`).toBeCloseTo(expected[i]!.right, 5);
    }
  });

  test("a batch is worked through in parts with the same result, or refused", async () => {
    if (one.wholeBatch) {
      await expect(prepared(one, { microbatches: 2 })).rejects.toThrow(/compares the images of a batch/);
      return;
    }
    const [whole, parts] = await Promise.all(
      [1, 2].map(async (microbatches) => {
        const { objective, training } = await prepared(one, { microbatches });
        const program = await compile(training.source, { inThread: true, threads: 1 });
        await program.writeState({ ...training.initialState(), ...parameterValues(training.parameters) });
        const feeds = await objective.feeds(batchesOf(one), createRandom("step", seed, 0));
        const { loss, gradientNorm } = await program.step({ ...feeds, ...training.stepInputs(0, seed) });
        const state = await program.readState();
        await program.close();
        return { loss: Number(loss![0]), gradientNorm: Number(gradientNorm![0]), state };
      }),
    );
    expect(parts!.loss / whole!.loss).toBeCloseTo(1, 5);
    expect(parts!.gradientNorm / whole!.gradientNorm).toBeCloseTo(1, 4);
    for (const [name, values] of Object.entries(whole!.state)) {
      const other = parts!.state[name] as Float32Array;
      const worst = (values as Float32Array).reduce((most, x, i) => Math.max(most, Math.abs(other[i]! - x)), 0);
      expect(worst, name).toBeLessThan(1e-5);
    }
  });

  test("what a step is given follows from seed and step alone", async () => {
    const { objective } = ready;
    const at = async (...key: number[]) => numbers(await objective.feeds(batchesOf(one), createRandom("step", ...key)));
    const first = await at(seed, 0);
    expect(await at(seed, 0)).toEqual(first);
    for (const other of [await at(seed, 1), await at(seed + 1, 0)]) {
      if (one.hostDraws) expect(other).not.toEqual(first);
      else expect(other).toEqual(first);
    }
  });

  test("a few steps lower the loss, and a run that is resumed is the same to the last bit", async () => {
    const total = 24;
    const recipe = (name: string) =>
      recipeOf(one, {
        objective: one.trained ?? one.settings,
        model: { name: "vit", ...network, imageSize: side, stochasticDepth: 0.1 },
        data: { ...dataOf(one), evaluation: { source: "stacked", preprocessing } },
        output: join(root, title.replaceAll(/\W+/g, "-"), name),
        total: { steps: total },
        optimizer: { name: "adamw", learningRate: 2e-2, clipNorm: 1 },
        log: { every: { steps: 1 } },
        evaluate: { every: { steps: 10 } },
        checkpoint: { every: { steps: 1000 }, keepLast: 2 },
      });
    const sources = {
      train: stackedSource(one, 10),
      ...(one.unlabelled !== undefined && { unlabelled: stackedSource(one, 14) }),
      evaluation: stackedSource(judgedOn(one), 5),
    };
    await train(resolveRecipe(recipe("whole")), { silent: true, sources });
    const whole = await courseOf(recipe("whole").output!);
    const losses = whole.metrics.flatMap(({ loss }) => (loss === undefined ? [] : [loss!]));
    expect(losses).toHaveLength(total);
    expect(average(losses.slice(-4))).toBeLessThan(0.93 * average(losses.slice(0, 4)));

    expect(await stoppedAt(recipe("stopped"), 7, { sources })).toMatchObject({ interrupted: true, step: 7 });
    await train(resolveRecipe(recipe("stopped")), { silent: true, resume: true, sources });
    expect(await courseOf(recipe("stopped").output!)).toEqual(whole);
  });
});

describe("what does not fit is refused", () => {
  const rotation = caseOf("rotation");
  const vit = { name: "vit", ...network } as const;
  const resnet: RecipeInput["model"] = { name: "resnet", blocks: [1], widthFactor: 0.125, groups: 4, imageSize: side };

  test.each<[string, RecipeInput["objective"], Partial<RecipeInput>, RegExp]>([
    [
      "turns of oblong images",
      { name: "rotation" },
      { model: { ...vit, imageSize: [8, 12] } },
      /must be square.*8 x 12/,
    ],
    [
      "features of networks that do not pool",
      { name: "relativePatch" },
      { model: { ...vit, imageSize: side, pooling: "none" } },
      /"relativePatch" reads one row of features an image.*model\.pooling/,
    ],
    [
      "no images without labels for an objective that needs them",
      { name: "vat" },
      {},
      /data\.unlabelled: the objective "vat" learns from images without labels too/,
    ],
    [
      "images without labels that do not divide",
      { name: "s4lRotation", unlabelledBatchSize: 3 },
      { microbatches: 2, data: dataOf(caseOf("S4L-Rotation")) },
      /objective\.unlabelledBatchSize: 2 microbatches do not make up 3 images/,
    ],
    [
      "one image without a label to compare",
      { name: "s4lExemplar", unlabelledBatchSize: 1 },
      { data: dataOf(caseOf("S4L-Exemplar")) },
      /unlabelledBatchSize \(1\) must be at least 2/,
    ],
    ["one image to compare", { name: "exemplar" }, { batchSize: 1 }, /batchSize must be at least 2, not 1/],
    [
      "masked patches of a ResNet",
      { name: "maskedPatch" },
      { model: resnet },
      /needs a Vision Transformer.*this is a resnet/,
    ],
    ["one patch", { name: "maskedPatch" }, { model: { ...vit, imageSize: 4 } }, /have 1 of 4 pixels/],
    ["cells that cut pixels", { name: "maskedPatch", cells: 3 }, {}, /3 cells do not divide a patch of 4/],
    [
      "more orders than there are",
      { name: "jigsaw", permutations: 5 },
      {},
      /objective\.subset: is more than there are/,
    ],
    [
      "a margin of the other loss",
      { name: "exemplar", margin: 1 },
      {},
      /objective\.margin: only the triplet "semiHard"/,
    ],
  ])("%s", async (_, settings, changes, message) => {
    await expect((async () => prepared({ ...rotation, settings }, changes))()).rejects.toThrow(message);
  });

  test("pictures that the preprocessing did not stack", async () => {
    for (const [title, op] of [
      [
        "exemplar, hardest of the batch",
        /3 pictures of 8 x 8 below each other, and got 8 x 8 x 3; end the preprocessing in views\(3/,
      ],
      ["jigsaw", /72 x 8 x 3, 9 pictures of 8 x 8 .* end the preprocessing in patch_grid/],
      ["relative patch location", /9 pictures/],
    ] as const) {
      const { objective } = await prepared(caseOf(title));
      const plain = batchesOf(rotation);
      expect(() => objective.feeds(plain, createRandom(0)), title).toThrow(op);
      expect(() => objective.evaluation.feeds(plain.train), title).toThrow(op);
    }
    const { objective } = await prepared(rotation);
    expect(() => objective.feeds(batchesOf(caseOf("jigsaw")), createRandom(0))).toThrow(
      /takes images of 8 x 8 x 3, and got 72 x 8 x 3; make the preprocessing and model.imageSize agree/,
    );
  });
});

describe("orders of the jigsaw", () => {
  const distance = (a: readonly number[], b: readonly number[]) => a.filter((x, i) => x !== b[i]).length;

  test("are permutations far from one another, the same every time", () => {
    const found = distantPermutations(100, 9);
    expect(new Set(found.map(String)).size).toBe(100);
    for (const order of found) expect([...order].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    const distances = found.flatMap((a, i) => found.slice(0, i).map((b) => distance(a, b)));
    // two random ones differ in 8 of 9 places on average
    expect(average(distances)).toBeGreaterThan(8.05);
    expect(Math.min(...distances)).toBeGreaterThanOrEqual(4);
    expect(distantPermutations(7, 9)).toEqual(found.slice(0, 7));
    // nine that differ everywhere exist, and are found first
    expect(Math.min(...found.slice(0, 8).flatMap((a, i) => found.slice(0, i).map((b) => distance(a, b))))).toBe(9);
  });

  test("are chosen by the greatest mean distance, then the greatest smallest one, then the order of the alphabet", () => {
    const all = [0, 1, 2, 3].flatMap((a) =>
      [0, 1, 2, 3].flatMap((b) => [0, 1, 2, 3].flatMap((c) => [0, 1, 2, 3].map((d) => [a, b, c, d]))),
    );
    const permutations = all.filter((order) => new Set(order).size === 4);
    const chosen = [permutations[0]!];
    while (chosen.length < 10) {
      const scored = permutations
        .filter((order) => !chosen.includes(order))
        .map((order) => {
          const distances = chosen.map((other) => distance(order, other));
          return { order, key: [average(distances), Math.min(...distances)] as const };
        });
      scored.sort((a, b) => b.key[0] - a.key[0] || b.key[1] - a.key[1]);
      chosen.push(scored[0]!.order);
    }
    expect(distantPermutations(10, 4)).toEqual(chosen);
    expect(() => distantPermutations(25, 4)).toThrow(/25 permutations of 4 .* there are 2 to 24/);
  });
});

describe("corrupted patches", () => {
  test("are half of an image's: eight tenths masked, one tenth another's, one tenth kept", () => {
    const patches = 40;
    const { from, masked, corrupted } = drawCorruption(500, patches, 0.5, (image) => createRandom("image", image));
    const perImage = Array.from({ length: 500 }, (_, n) =>
      corrupted.subarray(n * patches, (n + 1) * patches).reduce((a, b) => a + b, 0),
    );
    expect(new Set(perImage)).toEqual(new Set([20]));
    const moved = from.map((patch, i) => Number(patch !== i % patches));
    expect(masked.every((one, i) => one + moved[i]! <= corrupted[i]!)).toBe(true);
    const share = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0) / 10_000;
    // three standard deviations of 10,000 draws are 0.012 and 0.009
    expect(Math.abs(share(masked) - 0.8)).toBeLessThan(0.012);
    expect(Math.abs(share(moved) - 0.1)).toBeLessThan(0.009);
  });

  test("have the mean colour of their pixels, whatever the range of values", () => {
    // white, black, and pure red a little over the middle
    const image = Float32Array.from({ length: 2 * 6 * 3 }, (_, k) => {
      const patch = Math.floor((Math.floor(k / 3) % 6) / 2);
      return [1, 0, k % 3 === 0 ? 0.51 : 0][patch]!;
    });
    const grid = { rows: 1, columns: 3, patchSize: 2, cells: 1 };
    const range = [0, 1] as const;
    expect([...meanColours({ image, shape: [1, 2, 6, 3] }, grid, [range])]).toEqual([511, 0, 256]);
    const grey = Float32Array.of(0, 255, 63, 64);
    expect([
      ...meanColours({ image: grey, shape: [1, 2, 2, 1] }, { ...grid, columns: 1, cells: 2 }, [[0, 256]]),
    ]).toEqual([0, 7, 1, 2]);
  });
});
