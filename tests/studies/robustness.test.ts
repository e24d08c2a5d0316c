/** The study of robustness: what is kept, its job on a tiny network, and which rows decide. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { networkCorruptions } from "../../src/benchmarks/index.js";
import { JobStore, type Row, runJobs, scales, studyData, studyNamed } from "../../src/studies/index.js";
import { keptAccuracy } from "../../src/studies/list/robustness.js";

test("kept accuracy is measured above chance", () => {
  expect(keptAccuracy(0.5, 0.3, 0.1)).toBeCloseTo(0.5, 12);
  expect(keptAccuracy(0.5, 0.1, 0.1)).toBe(0);
  expect(keptAccuracy(0.1, 0.3, 0.1)).toBe(0);
});

test("a job agrees with fovea corruptions on the same images", async () => {
  const folder = await mkdtemp(join(tmpdir(), "fovea-robustness-"));
  try {
    const data = {
      ...(await studyData("generated:shapes?label=count&length=64", ["embedded:sign-digits"])),
      heldSplit: "test",
    };
    const model = { name: "resnet" as const, blocks: [1], widthFactor: 0.125, groups: 4, imageSize: 16 };
    const one = { small: model, medium: model, large: model };
    const models = { ...scales.minutes.models, ViT: one, ResNet: one };
    const scale = {
      ...scales.minutes,
      imageSize: 16,
      subsets: [64],
      examples: 640,
      batchSize: 32,
      heldImages: 24,
      models,
    };
    const study = studyNamed("robustness");
    const [run] = study.runs({ scale, seeds: [0], data });
    if (!run) throw new Error("no run");
    const store = new JobStore(folder);
    await runJobs(store, [run.job], { threads: 1 });
    const values = (await store.read(run.job))?.measurements[0]?.values ?? {};
    const network = join(store.folderOf(run.job.needs[0] ?? run.job), "run");
    const images = "generated:shapes?label=count&length=64&take=24&balanced=true";
    const report = await networkCorruptions(network, images, {
      corruptions: ["fog", "gaussian_noise"],
      severities: [3],
      testSplit: "test",
      head: "own",
      threads: 1,
    });
    expect(values["clean"]).toBe(report.clean.accuracy);
    expect([values["fog"], values["gaussian_noise"]]).toEqual(report.families.map(({ accuracy }) => accuracy));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("large networks on all images are compared with small ones on the fewest", async () => {
  const row = (seed: number, series: string, x: number, y: number): Row => {
    return { job: "a", seed, series, x, y, images: 0, flops: 0, seconds: 0 };
  };
  const rows = [0, 1].flatMap((seed) => [
    row(seed, "ViT small", 10, 0.1),
    row(seed, "ViT small", 20, 0.9),
    row(seed, "ViT small, clean", 10, 0.9),
    row(seed, "ResNet small", 10, 0.3),
    row(seed, "ViT large", 10, 0.9),
    row(seed, "ViT large", 20, 0.5 + 0.1 * seed),
    row(seed, "ResNet large", 20, 0.5),
    row(seed, "ResNet large, corrupted", 20, 0.1),
  ]);
  const { effect, n } = await studyNamed("robustness").judge(rows);
  expect(effect).toBeCloseTo(0.325, 12);
  expect(n).toBe(2);
});
