/** The study of objects on borders of patches: its verdict, and its job against the benchmark's own report. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { measurePatchGrid } from "../../src/benchmarks/robustness/index.js";
import { borderDistance, patchGridSettings } from "../../src/benchmarks/robustness/patch-grid-images.js";
import { open } from "../../src/networks/index.js";
import type { Model } from "../../src/studies/framework/scale.js";
import { patchSizeOf } from "../../src/studies/framework/vit.js";
import { JobStore, type Row, runJobs, scales, studyData, studyNamed } from "../../src/studies/index.js";
import { borderJob } from "../../src/studies/list/patch-borders.js";
import { evaluatorNamed } from "../../src/transfer/index.js";
import { plannedData } from "../support/study-data.js";

const row = (seed: number, series: string, x: number, y: number): Row => {
  return { job: "a", seed, series, x, y, images: 0, flops: 0, seconds: 0 };
};

/** Accuracies of the ViT in the middle (x 4) and on the border (x 0), and of a ResNet that loses one point. */
const rowsOf = (middle: number, border: number) =>
  [0, 1, 2].flatMap((seed) => [
    row(seed, "ViT", 4, middle + 0.001 * seed),
    row(seed, "ViT", 2, 0.9),
    row(seed, "ViT", 0, border),
    row(seed, "ViT, similarity", 0, 0.1),
    row(seed, "ViT, interval over objects", 0, 0.015),
    row(seed, "ResNet", 4, 0.5),
    row(seed, "ResNet", 0, 0.49),
  ]);

test("the cost is that of the largest against the smallest distance", async () => {
  const { decision, effect, text } = await studyNamed("patch-borders").judge(rowsOf(0.6, 0.5));
  expect(effect).toBeCloseTo(0.101, 12);
  expect(decision).toBe("supports");
  expect(text).toContain("costs the ResNet +1.0 points, interval over objects 1.5 points wide");
});

test("a network that cannot classify the objects tells nothing of borders", async () => {
  const { decision, text } = await studyNamed("patch-borders").judge(rowsOf(0.2, 0.2));
  expect(decision).toBe("cannot tell");
  expect(text).toContain("only 20.1 %");
  // a cost is a cost, however few objects are classified
  expect((await studyNamed("patch-borders").judge(rowsOf(0.21, 0.17))).decision).toBe("supports");
});

const tiny = { name: "vit" as const, patchSize: 8, width: 8, depth: 1, heads: 1, mlpDim: 8, imageSize: 32 };

/** A scale whose ViTs are tiny. */
const tinyScale = {
  ...scales.minutes,
  subsets: [64],
  examples: 64,
  batchSize: 16,
  heldImages: 8,
  models: { ...scales.minutes.models, ViT: { small: tiny, medium: tiny, large: tiny } },
};

test("objects fit into the patches of the networks at every scale", () => {
  for (const scale of Object.values(scales)) {
    const runs = studyNamed("patch-borders").runs({ scale, seeds: [0], data: plannedData });
    expect(runs.map(({ series }) => series)).toEqual(["ViT", "Mixer", "ResNet"]);
    for (const { job, series } of runs) {
      const { patchSize, objectSide } = job.settings as { readonly patchSize: number; readonly objectSide: number };
      const planned = job.needs[0]?.settings as { readonly recipe: { readonly model: Model } } | undefined;
      if (planned && series !== "ResNet") expect(patchSizeOf(planned.recipe.model)).toBe(patchSize);
      expect(objectSide).toBeLessThanOrEqual(patchSize - 2);
      const { offsets, middle } = patchGridSettings({ patchSize, objectSide, stride: Math.floor(patchSize / 2) });
      // in the middle the object lies within a patch; half a patch further its centre is on the border
      expect(middle + objectSide).toBeLessThan(patchSize);
      expect(offsets.map((offset) => borderDistance(offset, objectSide, patchSize))).toEqual([patchSize / 2, 0]);
    }
  }
});

test("a job agrees with the benchmark of patch grids at half a patch of stride", async () => {
  const folder = await mkdtemp(join(tmpdir(), "fovea-borders-"));
  try {
    const data = await studyData("generated:shapes?label=count&length=64", ["embedded:sign-digits"]);
    const cell = { family: "ViT", size: "large", images: 64, seed: 0 } as const;
    const job = borderJob({ scale: tinyScale, seeds: [0], data }, cell, { objects: 20, trained: 30 });
    const store = new JobStore(folder);
    await runJobs(store, [job], { threads: 1 });
    const values = (await store.read(job))?.measurements[0]?.values ?? {};
    await using network = await open(join(store.folderOf(job.needs[0] ?? job), "run"), { threads: 1 });
    const same = { patchSize: 8, objectSide: 6, stride: 4, objects: 20, trained: 30, seed: 0, threads: 1 };
    const { distances, wholePatch } = await measurePatchGrid(network, evaluatorNamed("ridge"), same);
    expect(distances.map(({ distance }) => distance)).toEqual([0, 4]);
    for (const { distance, accuracy, cosine } of distances) {
      expect(values[`accuracy, ${distance} px from a border`]).toBe(accuracy.mean);
      expect(values[`similarity, ${distance} px from a border`]).toBe(cosine.mean);
    }
    expect(values["similarity after a whole patch"]).toBe(wholePatch.cosine.mean);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
