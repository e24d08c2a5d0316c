/** Transfer of trained networks to the downstream datasets, and the study that compares methods. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { commonRecipe } from "../../src/studies/framework/training-job.js";
import {
  type Job,
  JobStore,
  type Row,
  runJobs,
  type StudyContext,
  scales,
  studyData,
  studyNamed,
  trainingJob,
} from "../../src/studies/index.js";
import { fineTuningJob, frozenJob } from "../../src/studies/jobs/transfer-job.js";
import { fewshot } from "../../src/transfer/index.js";

let folder: string;
let context: StudyContext;
let source: Job;
let store: JobStore;
const spec = "embedded:sign-digits";
const model = { name: "vit", patchSize: 8, width: 16, depth: 1, heads: 1, mlpDim: 16, imageSize: 16 } as const;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fovea-transfer-"));
  const data = await studyData("generated:shapes?label=count&length=64", [spec]);
  const scale = { ...scales.minutes, imageSize: 16, subsets: [64], examples: 128, batchSize: 8, heldImages: 16 };
  context = { scale, seeds: [0], data };
  const recipe = { ...commonRecipe, model };
  source = trainingJob(context, { title: "source", recipe, seed: 0, milestones: [1], downstream: [] });
  store = new JobStore(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("jobs of transfer", () => {
  test("classifiers on frozen features agree with fovea fewshot", async () => {
    const job = frozenJob(context, { source, seed: 0 });
    await runJobs(store, [job], { threads: 1 });
    const values = (await store.read(job))?.measurements[0]?.values ?? {};
    expect(Object.keys(values)).toHaveLength(16);
    const backbone = join(store.folderOf(source), "run");
    for (const [method, title] of [
      ["ridge", "ridge"],
      ["knn", "nearest neighbours"],
    ]) {
      const options = { backbone, method, shots: [1, 25], seeds: 1, testImages: 400, threads: 1 };
      const { summary } = await fewshot(spec, options);
      for (const { shots, mean } of summary) expect(values[`${title}@${shots}`]).toBeCloseTo(mean, 2);
    }
  });

  test("fine-tuning changes the whole network for every number of examples", async () => {
    const job = fineTuningJob(context, { source, family: "ViT", spec, seed: 0 });
    await runJobs(store, [job], { threads: 1 });
    const measurements = (await store.read(job))?.measurements ?? [];
    expect(measurements.map(({ values }) => Object.keys(values)[0])).toEqual(
      [1, 5, 10, 25].map((shots) => `fine-tuning@${shots}`),
    );
    for (const { values, images, flops } of measurements) {
      expect(Object.values(values)[0]).toBeGreaterThan(0.05);
      expect(images).toBe(3200);
      expect(flops).toBeCloseTo((source.flops() / 128) * 3200, -3);
    }
  });

  test("a further seed has other examples", () => {
    const id = (seed: number) => frozenJob(context, { source, seed }).id;
    expect(id(1)).not.toBe(id(0));
  });
});

test("the study compares growth from 1 to 25 examples, as a mean over networks and datasets", async () => {
  const row = (seed: number, series: string, x: number, y: number): Row => {
    return { job: "a", seed, series, x, y, images: 0, flops: 0, seconds: 0 };
  };
  // growth of the difference: ViT 0.1, ResNet 0.3, so 0.2 and, with the second seed, 0.3
  const rows = [0, 1].flatMap((seed) => [
    row(seed, "ViT, ridge", 1, 0.2),
    row(seed, "ViT, ridge", 25, 0.4),
    row(seed, "ViT, fine-tuning", 1, 0.1),
    // two datasets
    row(seed, "ViT, fine-tuning", 25, 0.3 + 0.2 * seed),
    row(seed, "ViT, fine-tuning", 25, 0.5 + 0.2 * seed),
    row(seed, "ResNet, ridge", 1, 0.3),
    row(seed, "ResNet, ridge", 25, 0.5),
    row(seed, "ResNet, fine-tuning", 1, 0.2),
    row(seed, "ResNet, fine-tuning", 25, 0.7),
    row(seed, "ResNet, fine-tuning", 25, 0.7),
  ]);
  const { effect, n } = await studyNamed("transfer-methods").judge(rows);
  expect(n).toBe(2);
  expect(effect).toBeCloseTo(0.25, 12);
});
