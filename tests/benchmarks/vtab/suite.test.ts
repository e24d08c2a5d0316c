/** The benchmark's protocol: cuts, sweeps, scores, published figures, jobs. */
import { describe, expect, it } from "vitest";
import { generatedSource } from "../../../src/benchmarks/vtab/embedded/source.js";
import { type Job, type JobRunner, planJobs, runJobs } from "../../../src/benchmarks/vtab/protocol/jobs.js";
import { methodNamed } from "../../../src/benchmarks/vtab/protocol/methods.js";
import {
  cutPart,
  cutTrain1000,
  partSizes,
  suitePreprocessing,
} from "../../../src/benchmarks/vtab/protocol/protocol.js";
import { publishedRows, publishedTasks } from "../../../src/benchmarks/vtab/protocol/published.js";
import { publishedMeans, scoreSuite } from "../../../src/benchmarks/vtab/protocol/scores.js";
import { searchedNames, sweepSettings } from "../../../src/benchmarks/vtab/protocol/sweep.js";
import type { Task, TaskGroup } from "../../../src/benchmarks/vtab/protocol/task.js";
import { preprocessImage, rawImage } from "../../../src/images/index.js";

const groups: readonly TaskGroup[] = publishedTasks.map((_, i) =>
  i < 7 ? "natural" : i < 11 ? "specialised" : "structured",
);

const source = (split: string, length: number) =>
  generatedSource({
    name: "numbers",
    split,
    classNames: ["even", "odd"],
    pictures: Int32Array.from({ length }, (_, i) => i),
    label: (picture) => picture % 2,
    draw: (picture) => rawImage(Uint8Array.of(picture % 256), 1, 1, 1),
  });

const numbers = async (ids: { readonly length: number; readonly idOf?: (index: number) => string }) =>
  Array.from({ length: ids.length }, (_, i) => Number(ids.idOf!(i).split("#")[1]));

describe("published figures", () => {
  // papers.md 12.8 and 4.5: natural, specialised, structured, all.
  it.each([
    ["ViT-H/14 JFT", 86.69, 87.0, 65.03, 77.63],
    ["ViT-L/16 JFT", 85.56, 86.72, 62.96, 76.29],
    ["ViT-L/16 i21k", 83.27, 84.65, 57.5, 72.71],
    ["Sup-Rotation-100%", 73.57, 83.12, 55.48, 67.97],
    ["Sup-100%", 73.46, 82.49, 52.1, 66.37],
    ["Rotation", 53.67, 78.56, 57.32, 60.45],
    ["From-Scratch", 27.91, 68.94, 43.57, 43.14],
    ["WAE-GAN", 15.6, 53.98, 38.46, 33.3],
  ])("%s has its published means", (method, natural, specialised, structured, mean) => {
    const found = publishedMeans(publishedRows.find((row) => row.method === method)!.tasks!, groups);
    expect(found.natural).toBeCloseTo(natural, 1.9);
    expect(found.specialised).toBeCloseTo(specialised, 1.9);
    expect(found.structured).toBeCloseTo(structured, 1.9);
    expect(found.mean).toBeCloseTo(mean, 1.9);
  });

  it("is scored by the mean of 19, not by the mean of the groups' means", () => {
    const tasks = publishedRows[0]!.tasks!;
    const score = scoreSuite(
      tasks.map((value, i) => ({ task: publishedTasks[i]!, group: groups[i]!, seed: 0, accuracy: value / 100 })),
    );
    expect(100 * score.mean.mean).toBeCloseTo(77.63, 2);
    const ofGroups = Object.values(score.groups).reduce((sum, { mean }) => sum + mean / 3, 0);
    expect(100 * ofGroups).toBeCloseTo(79.57, 2);
    expect(score.mean.confidence95).toBeNull();
  });

  it("has 19 values a row", () => {
    for (const { tasks } of publishedRows) if (tasks) expect(tasks).toHaveLength(19);
  });
});

describe("scores over seeds", () => {
  const one = (task: string, seed: number, accuracy: number) =>
    ({ task, group: task === "c" ? "structured" : "natural", seed, accuracy }) as const;

  it("gives the interval of the seeds' means by Student's t", () => {
    const { mean, tasks } = scoreSuite([one("a", 0, 0.5), one("a", 1, 0.6), one("c", 0, 0.7), one("c", 1, 0.9)]);
    expect(mean.mean).toBeCloseTo(0.675, 12);
    // Two seeds, 0.6 and 0.75: t of one degree of freedom is 12.706; the interval is cut to [0, 1].
    expect(mean.confidence95).toEqual([0, 1]);
    expect(tasks.map(({ mean: own }) => own)).toEqual([0.55, 0.8].map((value) => expect.closeTo(value, 12)));
  });

  it("leaves a seed out of the mean that was not measured on every task", () => {
    expect(scoreSuite([one("a", 0, 0.5), one("a", 1, 0.9), one("c", 0, 0.7)]).mean.mean).toBeCloseTo(0.6, 12);
  });
});

describe("the protocol's cuts", () => {
  const splits = { train: source("train", 2000), validation: source("validation", 500), test: source("test", 30) };

  it("takes the first 800 and the first 200 as published", async () => {
    expect(await numbers(cutPart(splits, "train800", 0))).toEqual(Array.from({ length: 800 }, (_, i) => i));
    expect(await numbers(cutPart(splits, "validation200", 0))).toEqual(Array.from({ length: 200 }, (_, i) => i));
    expect(cutPart(splits, "test", 0)).toBe(splits.test);
    const both = cutTrain1000(splits, 0);
    expect(both.length).toBe(1000);
    expect(await both.get(801)).toMatchObject({ id: "numbers#1", label: 1 });
  });

  it("draws other examples for another draw, the same every time", async () => {
    const first = await numbers(cutPart(splits, "train800", 1));
    expect(new Set(first).size).toBe(800);
    expect(Math.max(...first)).toBeGreaterThan(1900);
    expect(await numbers(cutPart(splits, "train800", 1))).toEqual(first);
    expect(await numbers(cutPart(splits, "train800", 2))).not.toEqual(first);
  });

  it("takes all there is of a smaller split", () => {
    expect(cutPart({ ...splits, train: source("train", 600) }, "train800", 3).length).toBe(600);
    expect(partSizes({ train: 600, validation: 900, test: 7 })).toEqual({ train800: 600, validation200: 200, test: 7 });
  });
});

describe("preprocessing", () => {
  it("stretches without antialias and keeps fractions, in the network's own range", async () => {
    const text = suitePreprocessing([4, 4, 3], "decode_resize(224)|value_range(-1,1)");
    expect(text).toBe("decode|value_range(-1,1)|resize(4,half_pixel_centers=false)");
    const image = rawImage(Uint8Array.of(0, 100), 1, 2, 1);
    const out = await preprocessImage(text, image);
    // Without half-pixel centres, as TensorFlow 1 does it: 0, 1/2, 1 of the way, and past the end.
    expect([...out.data].slice(0, 12).filter((_, i) => i % 3 === 0)).toEqual(
      [0, 50, 100, 100].map((value) => expect.closeTo(value / 127.5 - 1, 6)),
    );
    // At 2/3 of 101 lies 67.33, which would be cut to 67 if pixels stayed whole numbers.
    const third = await preprocessImage(
      suitePreprocessing([1, 3, 3], "value_range(0,1)"),
      rawImage(Uint8Array.of(0, 101), 1, 2, 1),
    );
    expect(third.data[3]).toBeCloseTo((101 * 2) / 3 / 255, 6);
  });

  it("keeps one channel for a network that sees grey", () => {
    expect(suitePreprocessing([28, 20, 1], "decode(1)|value_range(0,1)")).toBe(
      "decode(1)|value_range(0,1)|resize(28,20,half_pixel_centers=false)",
    );
  });
});

describe("sweeps", () => {
  it("tries the usual setting alone, or all that a method names", () => {
    const settings = [{ k: 20 }, { k: 1 }];
    expect(sweepSettings("light", { settings })).toEqual(settings);
    expect(sweepSettings("none", { settings })).toEqual([{ k: 20 }]);
    expect(sweepSettings("heavy", { settings })).toEqual(settings);
    expect(searchedNames({ settings })).toEqual([]);
  });

  it("is the published four settings for fine-tuning by the benchmark's rule", () => {
    const tried = sweepSettings("light", methodNamed("finetune-vtab")).map(({ learningRate, steps }) => [
      learningRate,
      steps,
    ]);
    expect(tried.toSorted()).toEqual([
      [0.01, 10_000],
      [0.01, 2500],
      [0.1, 10_000],
      [0.1, 2500],
    ]);
  });

  it.each(["finetune-bit", "finetune-vit", "finetune-vtab"])("searches BiT's six dimensions for %s", (name) => {
    const method = methodNamed(name);
    const dimensions = ["learningRate", "steps", "dropout", "weightDecayToInitial", "mixup", "imageSize"];
    expect(searchedNames(method)).toEqual(dimensions);
    const drawn = sweepSettings("heavy", method);
    expect(drawn).toHaveLength(40);
    for (const setting of drawn) expect(Object.keys(setting)).toEqual(expect.arrayContaining(dimensions));
    expect(new Set(drawn.map((setting) => JSON.stringify(setting))).size).toBe(40);
  });

  it("draws within BiT's ranges in the heavy one, the same every time", () => {
    const method = methodNamed("finetune-bit");
    const drawn = sweepSettings("heavy", method, { trials: 60 });
    expect(drawn).toHaveLength(60);
    expect(sweepSettings("heavy", method, { trials: 60 })).toEqual(drawn);
    const rates = drawn.map(({ learningRate }) => learningRate!);
    expect(Math.min(...rates)).toBeGreaterThanOrEqual(1e-4);
    expect(Math.max(...rates)).toBeLessThanOrEqual(1e-1);
    // Even in the logarithm: about a third of the draws in each decade.
    expect(rates.filter((rate) => rate < 1e-3).length).toBeGreaterThan(10);
    expect(new Set(drawn.map(({ steps }) => steps))).toEqual(new Set([500, 1000, 2000, 4000, 8000, 16_000]));
    expect(new Set(drawn.map(({ mixup }) => mixup))).toEqual(new Set([0, 0.05, 0.1, 0.2, 0.4]));
    expect(new Set(drawn.map(({ imageSize }) => imageSize))).toEqual(new Set([64, 128, 192, 256, 320, 384]));
    const within = (name: string, low: number, high: number) => {
      const values = drawn.map((setting) => setting[name] ?? Number.NaN);
      expect(Math.min(...values)).toBeGreaterThanOrEqual(low);
      expect(Math.max(...values)).toBeLessThanOrEqual(high);
      expect(new Set(values).size).toBe(60);
    };
    within("dropout", 0, 0.7);
    within("weightDecayToInitial", 1e-6, 1e-1);
  });

  it("does not search an image size that is fixed", () => {
    const method = methodNamed("finetune-bit");
    expect(searchedNames(method, { imageSize: 96 })).not.toContain("imageSize");
    for (const setting of sweepSettings("heavy", method, { imageSize: 96 }))
      expect(setting).not.toHaveProperty("imageSize");
  });

  it("searches what a linear probe has", () => {
    expect(searchedNames(methodNamed("probe"))).toEqual(["learningRate", "steps"]);
    expect(searchedNames(methodNamed("ridge"))).toEqual([]);
  });
});

describe("jobs", () => {
  const task = (name: string): Task => ({
    name,
    title: name,
    group: "natural",
    classes: 2,
    sizes: { train: 2000, validation: 500, test: 30 },
    origin: { files: [], licence: "", order: "" },
    open: async () => ({
      train: source("train", 2000),
      validation: source("validation", 500),
      test: source("test", 30),
    }),
  });
  const jobs = planJobs({
    tasks: [task("a"), task("b")],
    features: true,
    seeds: [0, 1],
    seededDraws: true,
    settings: [{ l2: 1 }, { l2: 2 }],
  });

  it("are planned task by task, features once a draw", () => {
    const names = jobs.filter((job) => job.task === "a").map(({ id }) => id.slice(2));
    expect(names).toEqual([
      "features/train800/draw0",
      "features/validation200/draw0",
      "features/test/draw0",
      "select/seed0/0",
      "select/seed0/1",
      "final/seed0",
      "features/train800/draw1",
      "features/validation200/draw1",
      "select/seed1/0",
      "select/seed1/1",
      "final/seed1",
    ]);
    expect(jobs.findIndex((job) => job.task === "b")).toBe(names.length);
    const published = planJobs({
      tasks: [task("a")],
      features: true,
      seeds: [0, 1],
      seededDraws: false,
      settings: [{}],
    });
    expect(published.map(({ kind }) => kind)).toEqual(["features", "features", "features", "final", "final"]);
  });

  // A runner that checks that what a job needs is done, and takes a random while.
  const runner = (done: Set<string>, log: string[], fail?: string): JobRunner => ({
    run: async (job: Job) => {
      for (const id of job.needs) expect(done.has(id)).toBe(true);
      await new Promise((resolve) => setTimeout(resolve, job.id.length % 3));
      if (job.id === fail) throw new Error("on purpose");
      log.push(job.id);
    },
  });

  it("are each done once by several runners, after what they need", async () => {
    const done = new Set<string>(["a/features/test/draw0"]);
    const log: string[] = [];
    await runJobs(jobs, [runner(done, log), runner(done, log), runner(done, log)], {
      isDone: async ({ id }) => id === "a/features/test/draw0",
      onDone: ({ id }) => done.add(id),
    });
    expect(log.toSorted()).toEqual(
      jobs
        .map(({ id }) => id)
        .filter((id) => id !== "a/features/test/draw0")
        .toSorted(),
    );
  });

  it("end with the first failure and begin no other", async () => {
    const done = new Set<string>();
    const log: string[] = [];
    const failing = "a/select/seed0/0";
    const running = runJobs(jobs, [runner(done, log, failing), runner(done, log, failing)], {
      isDone: async () => false,
      onDone: ({ id }) => done.add(id),
    });
    await expect(running).rejects.toThrow("on purpose");
    expect(log.length).toBeLessThan(8);
  });
});
