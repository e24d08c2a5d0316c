/** A whole run on generated images: what it writes, what it counts, what it refuses, and how it fails. */

import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, describe, expect, test } from "vitest";
import { createLoader, openSource } from "../../../src/data/index.js";
import { imageRows, latestCheckpoint, listCheckpoints } from "../../../src/networks/index.js";
import { type RecipeInput, readMetrics, resolveRecipe, train } from "../../../src/train/index.js";
import { byLabel } from "../../../src/train/objectives/index.js";
import { openPart } from "../../../src/train/plan/open-part.js";
import { prepareTraining } from "../../../src/train/plan/prepare.js";
import { evaluateSource } from "../../../src/train/run/evaluate.js";
import { testDevice } from "../../support/devices.js";
import { evaluating, representing } from "../../support/rows.js";
import { imageFolder, temporaryFolder, tinyRecipe, trainTiny } from "../../support/trained-run.js";

const root = temporaryFolder("train");
afterAll(() => rmSync(root, { recursive: true, force: true }));
const folderOf = (name: string) => join(root, name);
const run = (name: string, changes: Partial<RecipeInput> = {}, options = {}) =>
  train(resolveRecipe(tinyRecipe(folderOf(name), changes)), { silent: true, ...options });
const checkpoints = (name: string) => join(folderOf(name), "checkpoints");
const preprocessing = "decode|resize(16)|value_range(-1,1)";

/** A folder of colours with one JPEG among them that is cut short. */
async function withBroken(name: string, count: number): Promise<string> {
  const folder = await imageFolder(folderOf(name), { a: count, b: count });
  const broken = join(folder, "b", "broken.jpg");
  const noise = Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => (i * 7919) % 251);
  await sharp(noise, { raw: { width: 32, height: 32, channels: 3 } })
    .jpeg()
    .toFile(broken);
  truncateSync(broken, 600);
  return folder;
}

describe("a run", () => {
  test("learns, and writes its recipe, metrics, events and checkpoints", async () => {
    const source = (length: number) => `generated:shapes?label=shape&size=16&length=${length}`;
    const seen: number[] = [];
    const result = await run(
      "whole",
      {
        data: {
          train: { source: source(8), preprocessing },
          evaluation: { source: source(8), preprocessing },
          workers: 0,
        },
        total: { steps: 60 },
        log: { every: { steps: 5 } },
        evaluate: { every: { steps: 30 } },
        checkpoint: { every: { steps: 20 }, keepLast: 2, keepBest: { metric: "loss", mode: "min" } },
        optimizer: { name: "adamw", learningRate: 1e-2, clipNorm: 1 },
      },
      { onMetrics: ({ step }: { step: number }) => seen.push(step) },
    );
    expect(result).toMatchObject({ step: 60, totalSteps: 60, interrupted: false, bad: [], folder: folderOf("whole") });
    const metrics = await readMetrics(join(folderOf("whole"), "metrics.jsonl"));
    const losses = metrics.flatMap(({ step, loss }) => (loss === undefined ? [] : [{ step, loss: loss! }]));
    expect(losses.map(({ step }) => step)).toEqual([1, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60]);
    // four classes: the first loss is about ln 4; eight images are learnt by heart
    expect(losses[0]!.loss).toBeGreaterThan(1);
    expect(losses.at(-1)!.loss).toBeLessThan(0.5 * losses[0]!.loss);
    expect(result.loss).toBe(losses.at(-1)!.loss);
    expect(result.evaluation).toMatchObject({ images: 8, bad: [] });

    expect(metrics.filter((record) => "evaluation/accuracy" in record).map(({ step }) => step)).toEqual([30, 60]);
    expect(metrics.map(({ step }) => step)).toEqual(seen);
    for (const { gradientNorm } of metrics.filter(({ loss }) => loss !== undefined))
      expect(gradientNorm).toBeGreaterThan(0);
    expect(metrics.find(({ step }) => step === 60)!.epoch).toBe(30);

    const files = readdirSync(folderOf("whole"));
    expect(files).toContain("recipe.json");
    expect(files.filter((file) => file.startsWith("events.out.tfevents."))).toHaveLength(1);
    const saved = (await listCheckpoints(checkpoints("whole"))).checkpoints;
    expect(saved.slice(-2).map(({ step }) => step)).toEqual([40, 60]);
    const best = Math.min(...metrics.flatMap((record) => record["evaluation/loss"] ?? []));
    expect(saved.some(({ score }) => score?.value === best)).toBe(true);
    expect(resolveRecipe(JSON.parse(readFileSync(join(folderOf("whole"), "recipe.json"), "utf8"))).total).toEqual({
      steps: 60,
    });
    expect((await latestCheckpoint(checkpoints("whole")))!.meta["classNames"]).toHaveLength(4);
  });

  test("in a folder that holds one already is refused, and replaced when told", async () => {
    await trainTiny(folderOf("held"));
    const before = readFileSync(join(folderOf("held"), "recipe.json"), "utf8");
    await expect(run("held", { seed: 7 })).rejects.toThrow(
      /already holds a run; continue it with --resume, replace it with --overwrite, or choose another --output/,
    );
    expect(readFileSync(join(folderOf("held"), "recipe.json"), "utf8")).toBe(before);
    // an old run is only given up for a new one that can start
    const data = { train: { source: folderOf("no-such-folder"), preprocessing }, workers: 0 };
    await expect(run("held", { data }, { overwrite: true })).rejects.toThrow(/no-such-folder/);
    expect((await latestCheckpoint(checkpoints("held")))!.step).toBe(3);
    expect(readFileSync(join(folderOf("held"), "recipe.json"), "utf8")).toBe(before);

    await run("held", { seed: 7, total: { steps: 2 } }, { overwrite: true });
    expect((await latestCheckpoint(checkpoints("held")))!.step).toBe(2);
    expect(JSON.parse(readFileSync(join(folderOf("held"), "recipe.json"), "utf8")).seed).toBe(7);
    expect(readdirSync(folderOf("held")).filter((file) => file.startsWith("events."))).toHaveLength(1);
    const metrics = await readMetrics(join(folderOf("held"), "metrics.jsonl"));
    expect(Math.max(...metrics.map(({ step }) => step))).toBe(2);
  });

  test("is refused when the classes of training and evaluation differ", async () => {
    const training = await imageFolder(folderOf("classes-a"), { cat: 4, dog: 4 });
    const evaluation = await imageFolder(folderOf("classes-b"), { cow: 2, dog: 2 });
    const data = {
      train: { source: training, preprocessing },
      evaluation: { source: evaluation, preprocessing },
      workers: 0,
    };
    await expect(run("classes", { data })).rejects.toThrow(/class 0 is "cat" in .*classes-a and "cow" in .*classes-b/);
    expect(existsSync(folderOf("classes"))).toBe(false);
  });

  test("is refused on one class only", async () => {
    const source = await imageFolder(folderOf("one-class"), { cat: 8 });
    const data = { train: { source, preprocessing }, workers: 0 };
    await expect(run("one", { data })).rejects.toThrow(/one class/);
  });
});

test("the split is the usual one, the one a source names, or all there is", async () => {
  const plain = await imageFolder(folderOf("plain"), { a: 2, b: 2 });
  const parted = folderOf("parted");
  await imageFolder(join(parted, "train"), { a: 3, b: 3 });
  await imageFolder(join(parted, "test"), { a: 1, b: 1 });
  await imageFolder(join(parted, "val"), { a: 2, b: 2 });
  const lengthOf = async (source: string, purpose: "train" | "evaluation", split?: string) => {
    const opened = await openPart({ source, preprocessing, split }, purpose);
    await opened.close();
    return opened.length;
  };
  expect([await lengthOf(plain, "train"), await lengthOf(plain, "evaluation")]).toEqual([4, 4]);
  expect([await lengthOf(parted, "train"), await lengthOf(parted, "evaluation")]).toEqual([6, 2]);
  expect(await lengthOf(parted, "evaluation", "val")).toBe(4);
  expect(await lengthOf(`${parted}?split=val`, "evaluation")).toBe(4);
  await rm(join(parted, "test"), { recursive: true });
  await expect(lengthOf(parted, "evaluation")).rejects.toThrow(/no split "test".*its splits are/);
});

describe("evaluation", () => {
  const batchSize = 4;
  const recipe = resolveRecipe(tinyRecipe("unused", { batchSize }));

  const opened = async (name: "evaluate" | "represent") => {
    const prepared = await prepareTraining(recipe, 24, 4);
    return await evaluating(prepared, name, prepared.training.initialState());
  };

  test("with an uneven last batch counts every image exactly once", async () => {
    await using program = await opened("evaluate");
    const source = await openSource("generated:shapes?label=shape&size=16&length=10");
    const options = { batchSize, preprocessing, workers: 0 };
    const whole = await evaluateSource(program, byLabel, source, options);
    expect(whole.images).toBe(10);

    // one at a time, by hand, from a loader whose only full slot is the first
    const loader = createLoader(source, { ...options, batchSize: 1, evaluation: true });
    let [right, lossSum] = [0, 0];
    for await (const { image, label } of loader) {
      const padded = new Float32Array(batchSize * image.length);
      padded.set(image);
      const labels = new Int32Array(batchSize).fill(label[0]!);
      const { logits, loss } = await program.run("run", { image: padded, label: labels });
      const row = Array.from((logits as Float32Array).subarray(0, 4));
      if (row.indexOf(Math.max(...row)) === label[0]) right++;
      lossSum += Number(loss![0]);
    }
    await loader.close();
    expect(whole.accuracy).toBe(right / 10);
    expect(whole.loss).toBeCloseTo(lossSum / 10, 5);
    await using features = await opened("represent");
    const { indices, labels } = await imageRows(representing(features), source, options);
    expect(Array.from(indices)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(Array.from(labels)).toEqual(Array.from(source.labels));
    await source.close();
  });

  test.each([0, 1])("a batch without one readable image is passed over (%i workers)", async (workers) => {
    const folder = await imageFolder(folderOf(`dark-${workers}`), { a: 6, b: 6 });
    // sorted by class and number: the second batch of four is a/4, a/5, b/0, b/1
    const broken = ["a/4.png", "a/5.png", "b/0.png", "b/1.png"];
    for (const file of broken) writeFileSync(join(folder, file), "not an image");
    const source = await openSource(folder);
    const program = await opened("represent");
    const seen: number[] = [];
    const found = await imageRows(representing(program), source, {
      batchSize,
      preprocessing,
      workers,
      maxBadFraction: 0.5,
      onProgress: (done) => seen.push(done),
    });
    expect(Array.from(found.indices)).toEqual([0, 1, 2, 3, 8, 9, 10, 11]);
    expect(found.bad.map(({ id }) => id)).toEqual(broken.map((file) => join(folder, file)));
    expect(seen).toEqual([4, 8, 12]);
    await expect(imageRows(representing(program), source, { batchSize, preprocessing, workers })).rejects.toThrow(
      /could not be read, more than maxBadFraction 0\.01 allows/,
    );
    await program.close();
    await source.close();
  });

  test("a set without one readable image is an error that names the first", async () => {
    const folder = await imageFolder(folderOf("none"), { a: 2, b: 2 });
    for (const file of ["a/0.png", "a/1.png", "b/0.png", "b/1.png"]) writeFileSync(join(folder, file), "not an image");
    const source = await openSource(folder);
    const program = await opened("represent");
    const options = { batchSize, preprocessing, workers: 0, maxBadFraction: 1 };
    await expect(imageRows(representing(program), source, options)).rejects.toThrow(
      /no image of .*none could be read; the first, .*a\/0\.png: not an image/,
    );
    await program.close();
    await source.close();
  });
});

describe("broken images", () => {
  test("one is named, counted and passed over, in training and in evaluation", async () => {
    const training = await withBroken("broken-train", 8);
    const evaluation = await withBroken("broken-evaluation", 5);
    const data = {
      train: { source: training, preprocessing },
      evaluation: { source: evaluation, preprocessing },
      workers: 0,
    };
    const result = await run("broken", { data, total: { epochs: 2 } });
    expect(result.step).toBe(8);
    expect([...result.bad].sort()).toEqual([
      expect.stringMatching(/broken-evaluation\/b\/broken\.jpg: the image is truncated or damaged/),
      expect.stringMatching(/broken-train\/b\/broken\.jpg: the image is truncated or damaged/),
    ]);
    expect(result.evaluation!.images).toBe(10);
  });

  test("too many of them fail the run, by name, and what was saved stays", async () => {
    const folder = await imageFolder(folderOf("faulty"), { a: 8, b: 8 });
    for (let i = 0; i < 3; i++) truncateSync(join(folder, "a", `${i}.png`), 50);
    const data = { train: { source: folder, preprocessing }, workers: 0 };
    await expect(run("faulty-run", { data, total: { epochs: 3 } })).rejects.toThrow(
      /of the 16 examples of .*faulty \(.* %\) could not be read[\s\S]*faulty\/a\/\d\.png/,
    );
    expect((await listCheckpoints(checkpoints("faulty-run"))).damaged).toEqual([]);
  });
});

test("a run on WebGPU is the run on the CPU", { timeout: 120_000 }, async ({ skip }) => {
  const { missing } = testDevice("webgpu");
  skip(missing !== undefined, missing);
  const changes = {
    model: { ...tinyRecipe("unused").model, dropout: 0.1 },
    // not Adam, which makes a step of the sign of a gradient that is only rounding
    optimizer: { name: "sgd", learningRate: 0.1, weightDecay: 0.01, clipNorm: 1 },
    log: { every: { steps: 1 } },
    evaluate: { every: { steps: 3 } },
    checkpoint: { every: { steps: 3 } },
  } as Partial<RecipeInput>;
  const numbers: number[][] = [];
  for (const device of ["cpu", "webgpu"] as const) {
    await run(device, { ...changes, device });
    const metrics = await readMetrics(join(folderOf(device), "metrics.jsonl"));
    const { tensors } = (await latestCheckpoint(checkpoints(device)))!;
    const kernel = Array.from(tensors.get("head/kernel")!.data as Float32Array);
    numbers.push([...metrics.flatMap(({ time: _, ...record }) => Object.values(record) as number[]), ...kernel]);
  }
  expect(numbers[1]).toHaveLength(numbers[0]!.length);
  numbers[0]!.forEach((value, i) => {
    expect(Math.abs(numbers[1]![i]! - value)).toBeLessThan(1e-4 * Math.max(1, Math.abs(value)));
  });
});
