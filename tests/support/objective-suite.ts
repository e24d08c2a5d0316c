/**
 * The tests that every objective passes: values and gradients against plain float64 loops, microbatches, draws, training, resuming.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { grad } from "../../src/graph/index.js";
import { Scope } from "../../src/nn/index.js";
import { createRandom } from "../../src/random/keyed.js";
import { compile, type Device, type Feeds } from "../../src/runtime/index.js";
import { prepareTraining, type RecipeInput, resolveRecipe, train } from "../../src/train/index.js";
import { courseOf, stoppedAt } from "./course.js";
import { testDevice } from "./devices.js";
import { expectDifferences } from "./gradients.js";
import {
  batchesOf,
  classes,
  type Inputs,
  images,
  network,
  type ObjectiveCase,
  side,
  stackedSource,
} from "./objective-cases.js";
import { evaluateAmong } from "./run.js";
import { temporaryFolder, tinyRecipe } from "./trained-run.js";
import { parameterValues } from "./vit-cases.js";

const seed = 5;
const preprocessing = "decode(0)|value_range(-1,1)";

export const dataOf = ({ unlabelled }: ObjectiveCase): RecipeInput["data"] => ({
  train: { source: "stacked", preprocessing },
  unlabelled: unlabelled === undefined ? undefined : { source: "stacked", preprocessing },
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

/** The objective and the program of a row of the table. */
export const prepared = (one: ObjectiveCase, changes: Partial<RecipeInput> = {}) =>
  prepareTraining(resolveRecipe(recipeOf(one, changes)), 24, classes);

/** The case with the pictures of an image that it is judged on. */
const judgedOn = (one: ObjectiveCase): ObjectiveCase =>
  one.evaluationStack === undefined ? one : { ...one, stack: one.evaluationStack };

const numbers = (feeds: Feeds): Inputs =>
  Object.fromEntries(Object.entries(feeds).map(([name, values]) => [name, Array.from(values as Float32Array)]));
export const average = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

/** Declares the tests of the rows of a table. */
export function describeObjectives(cases: readonly ObjectiveCase[]): void {
  const root = temporaryFolder("objectives");
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  describe.each(cases.map((one) => [one.title, one] as const))("%s", (title, one) => {
    let ready: Awaited<ReturnType<typeof prepared>>;
    beforeAll(async () => {
      ready = await prepared(one);
    });

    // Loss and gradients of a step against the plain loops and their differences.
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
      const found = await evaluateAmong(outputs, { ...values, ...feeds }, { device });
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
      const found = await evaluateAmong({ loss }, { ...training.initialState(), ...feeds });
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
      const results = await evaluateAmong({ ...objective.evaluation.outputs(scope) }, { ...values, ...feeds });
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

    test("microbatches give the same result as the whole batch, or are refused", async () => {
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
      const at = async (...key: number[]) =>
        numbers(await objective.feeds(batchesOf(one), createRandom("step", ...key)));
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
        unlabelled: one.unlabelled === undefined ? undefined : stackedSource(one, 14),
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
}
