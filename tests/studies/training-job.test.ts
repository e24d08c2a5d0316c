/** A training run as a job: what it measures, what its name depends on, and how it continues. */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { commonRecipe } from "../../src/studies/framework/training-job.js";
import {
  gridCells,
  gridJob,
  JobStore,
  runJobs,
  type StudyContext,
  scales,
  studyData,
  trainingJob,
} from "../../src/studies/index.js";

let folder: string;
let context: StudyContext;
const model = { name: "vit", patchSize: 8, width: 16, depth: 1, heads: 1, mlpDim: 16, imageSize: 16 } as const;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fovea-studies-"));
  const data = await studyData("generated:shapes?label=count&length=64", ["embedded:sign-digits"]);
  const scale = { ...scales.minutes, imageSize: 16, subsets: [64], examples: 128, batchSize: 8, heldImages: 16 };
  context = { scale, seeds: [0], data };
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const jobOf = (seed = 0, of: StudyContext = context) =>
  trainingJob(of, { title: "tiny", recipe: { ...commonRecipe, model }, seed });

describe("a training job", () => {
  test("measures few-shot accuracy at its milestones and keeps the last checkpoint", async () => {
    const store = new JobStore(join(folder, "whole"));
    const job = jobOf();
    await runJobs(store, [job], { threads: 1 });
    const result = await store.read(job);
    expect(result?.measurements.map(({ images }) => images)).toEqual([16, 32, 64, 128]);
    const last = result?.measurements.at(-1);
    expect(last?.values["fewshot10"]).toBeGreaterThan(0.05);
    expect(last?.values["fewshot10"]).toBeLessThan(1);
    expect(last?.values["fewshot10:sign-digits"]).toBe(last?.values["fewshot10"]);
    expect(last?.flops).toBe(job.flops());
    expect(result?.details["steps"]).toBe(16);
    expect(await readdir(join(store.folderOf(job), "run", "checkpoints"))).toHaveLength(1);
  });

  test("continues where it was stopped, with the same result", async () => {
    const store = new JobStore(join(folder, "stopped"));
    const job = jobOf();
    const stop = new AbortController();
    // stops as soon as the second checkpoint is written
    const checkpoints = join(store.folderOf(job), "run", "checkpoints");
    const watch = setInterval(() => {
      const written = existsSync(checkpoints);
      if (written) stop.abort(new Error("stopped"));
    }, 1);
    await expect(runJobs(store, [job], { threads: 1, signal: stop.signal })).rejects.toThrow("stopped");
    clearInterval(watch);
    expect(store.isDone(job)).toBe(false);
    await runJobs(store, [job], { threads: 1 });
    const values = async (of: JobStore) => (await of.read(job))?.measurements.at(-1)?.values;
    expect(await values(store)).toEqual(await values(new JobStore(join(folder, "whole"))));
  });

  test("is named by contents, not by the path of the data", async () => {
    const moved = { ...context, data: { ...context.data, upstream: "elsewhere/photos" } };
    expect(jobOf(0, moved).id).toBe(jobOf().id);
    expect(jobOf(1).id).not.toBe(jobOf(0).id);
    const other = { ...context, data: { ...context.data, identity: "other" } };
    expect(jobOf(0, other).id).not.toBe(jobOf().id);
  });

  test("of the grid is found again by the next study", () => {
    const cells = gridCells(context, { families: ["ViT"], sizes: ["small"] });
    expect(cells).toEqual([{ family: "ViT", size: "small", images: 64, seed: 0 }]);
    expect(gridJob(context, cells[0]!).id).toBe(gridJob(context, { ...cells[0]! }).id);
  });
});

describe("a dataset", () => {
  test("that features cannot be transferred to is refused before anything is trained", async () => {
    for (const name of ["cat", "dog"]) {
      await mkdir(join(folder, "photos", name), { recursive: true });
      await writeFile(join(folder, "photos", name, "1.png"), "");
    }
    const photos = join(folder, "photos");
    await expect(studyData("embedded:sign-digits", [photos])).rejects.toThrow(
      /has the splits all; a downstream dataset needs "train" and "test"/,
    );
  });
});
