/** Heads behind backbones that others wrote: names that collide, other layouts, what cannot be added to or opened. */

import { cpSync, rmSync, writeFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openSource } from "../../src/data/index.js";
import { exportOnnx, writeExport } from "../../src/export/index.js";
import { input, multiply, reduceMean, writeOnnx } from "../../src/graph/index.js";
import {
  asWeights,
  classifierOnnx,
  type Head,
  headScores,
  imageFeatures,
  imageRows,
  open,
  readClassifier,
  readNetwork,
} from "../../src/networks/index.js";
import { writeClassifier } from "../../src/transfer/index.js";
import { imageFolder, temporaryFolder, trainTiny } from "../support/trained-run.js";

const root = temporaryFolder("classifier");
const network = join(root, "run");
const exported = join(root, "exported.onnx");
const channelsLast = join(root, "last.onnx");
const photos = join(root, "photos");

const linear = (width: number): Head => ({
  kind: "linear",
  width,
  classes: 2,
  kernel: Float64Array.from({ length: width * 2 }, (_, i) => Math.sin(i + 1)),
  bias: Float64Array.of(0.25, -0.5),
});
const method = { name: "ridge", title: "ridge", setting: {} };

beforeAll(async () => {
  await trainTiny(network);
  await imageFolder(photos, { apple: 4, leaf: 3 });
  await writeExport(await exportOnnx(asWeights(await readNetwork(network)), { outputs: "both" }), exported);
  // its features are called as the classifier's own output, and its input as none of ours
  const image = input("image", "float32", [1, 8, 8, 3]);
  await writeFile(channelsLast, writeOnnx({ logits: multiply(reduceMean(image, [1, 2]), 3) }, [image]).bytes);
});
afterAll(() => rmSync(root, { recursive: true }));

describe("a classifier of one file", () => {
  it.each([
    ["whose backbone has a head of its own", exported],
    ["of images [N, H, W, C], whose features have the name of logits", `${channelsLast}?range=-1,1`],
    ["from a network of ours", network],
  ])("%s gives what the head gives of its features", async (_, spec) => {
    const backbone = await open(spec, { threads: 1 });
    const head = linear(backbone.width);
    const source = await openSource(photos);
    const { features } = await imageFeatures(backbone, source, { workers: 0 });
    const expected = await headScores(head, features);
    const file = join(root, "classifier.onnx");
    const { preprocessing } = backbone;
    await writeFile(file, await classifierOnnx(backbone, head, { classNames: '["a","b"]', preprocessing }));
    await backbone.close();

    const classifier = await open(file, { output: "logits", threads: 1, batchSize: backbone.batchSize });
    expect(classifier).toMatchObject({ classNames: ["a", "b"], preprocessing, imageShape: backbone.imageShape });
    const found = await imageRows(classifier.run, source, { ...classifier, workers: 0 }).finally(classifier.close);
    expect(found.features.columns).toBe(2);
    for (const [at, value] of expected.data.entries()) expect(found.features.data[at]).toBeCloseTo(value, 4);
    expect(new Set(found.features.data).size).toBeGreaterThan(10);
  });

  it("has none of the weights that only other outputs read", async () => {
    const backbone = await open(exported, { threads: 1 });
    const whole = (await backbone.toOnnx()).bytes.length;
    const bytes = await classifierOnnx(backbone, linear(16));
    await backbone.close();
    // the head of 16 x 4 weights is left away, one of 16 x 2 comes in its place
    expect(bytes.length).toBeLessThan(whole + 600);
    expect(Buffer.from(bytes).includes("head/kernel")).toBe(false);
    expect((await readFile(exported)).includes("head/kernel")).toBe(true);
  });
});

describe("the folder of a classifier", () => {
  const folder = join(root, "folder");
  beforeAll(async () => {
    const backbone = await open(`${channelsLast}?range=-1,1`, { threads: 1 });
    await writeClassifier(folder, { backbone, head: linear(3), classNames: ["a", "b"], method });
    await backbone.close();
  });

  it("says what it is", async () => {
    expect(await readClassifier(folder)).toMatchObject({
      classNames: ["a", "b"],
      preprocessing: "decode_resize(8)|value_range(-1,1)",
      backbone: { spec: `${channelsLast}?range=-1,1`, kind: "onnx", width: 3, imageShape: [8, 8, 3] },
    });
  });

  it("without its ONNX file needs the backbone as it was", async () => {
    const bare = join(root, "bare");
    cpSync(folder, bare, { recursive: true });
    rmSync(join(bare, "onnx"), { recursive: true });
    const notes: string[] = [];
    const classifier = await open(bare, { output: "logits", threads: 1, note: (text) => notes.push(text) });
    await classifier.close();
    expect(notes).toEqual([
      `${bare} has no ${join("onnx", "model.onnx")}; using its head on ${channelsLast}?range=-1,1`,
      `${channelsLast} has no features output; using its logits as features`,
    ]);
    const image = input("image", "float32", [1, 8, 8, 3]);
    await writeFile(channelsLast, writeOnnx({ logits: multiply(reduceMean(image, [1, 2]), 4) }, [image]).bytes);
    await expect(open(bare, { output: "logits", threads: 1 })).rejects.toThrow(/which has changed since; fit again/);
  });

  it("that is damaged, and files that name no classes, are refused", async () => {
    const damaged = join(root, "damaged");
    cpSync(folder, damaged, { recursive: true });
    writeFileSync(join(damaged, "classifier.json"), "{");
    await expect(open(damaged, { output: "logits" })).rejects.toThrow(/classifier\.json cannot be read/);
    writeFileSync(join(damaged, "classifier.json"), '{"format":1,"classNames":[]}');
    await expect(open(damaged, { output: "logits" })).rejects.toThrow(
      /is not a file that fovea fit writes: classNames/,
    );
    const features = join(root, "features.onnx");
    const image = input("pixel_values", "float32", [2, 3, 8, 8]);
    const mean = reduceMean(image, [2, 3]);
    await writeFile(features, writeOnnx({ features: mean, other: multiply(mean, 2) }, [image]).bytes);
    await expect(open(features, { output: "logits" })).rejects.toThrow(
      /expected one float32 output, or one named "logits"; found (features, other|other, features)/,
    );
    const chosen = await open(`${features}?output=other&range=-1,1`, { output: "logits", threads: 1 });
    expect(chosen).toMatchObject({ classNames: undefined, batchSize: 2 });
    await chosen.close();
  });
});
