/** Backbones of every kind give the features they should, and keep them where they are told to. */

import { readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openSource } from "../../src/data/index.js";
import { exportOnnx, writeExport } from "../../src/export/index.js";
import { concat, input, reduceMax, reduceMean, writeOnnx } from "../../src/graph/index.js";
import { asWeights, imageFeatures, open, readNetwork } from "../../src/networks/index.js";
import { fovea } from "../support/command-line.js";
import { imageFolder, temporaryFolder, trainTiny } from "../support/trained-run.js";

const root = temporaryFolder("backbone");
const network = join(root, "run");
const exported = join(root, "exported.onnx");
const channelsLast = join(root, "last.onnx");
const photos = join(root, "photos");

beforeAll(async () => {
  await trainTiny(network);
  await imageFolder(photos, { apple: 5, leaf: 3 });
  await writeExport(await exportOnnx(asWeights(await readNetwork(network)), { outputs: "both" }), exported);
  // the mean and the largest value of each channel, of three images [N, H, W, C] at once
  const image = input("image", "float32", [3, 8, 12, 3]);
  const features = concat([reduceMean(image, [1, 2]), reduceMax(image, [1, 2])], 1);
  await writeFile(channelsLast, writeOnnx({ features }, [image]).bytes);
});
afterAll(() => rmSync(root, { recursive: true }));

async function featuresOf(spec: string, options: Parameters<typeof open>[1] = {}) {
  await using backbone = await open(spec, { threads: 1, ...options });
  await using source = await openSource(photos);
  return { backbone, ...(await imageFeatures(backbone, source, { workers: 0 })) };
}

async function firstGuess(spec: string): Promise<{ class: number; probability: number }> {
  const { stdout } = await fovea("predict", spec, photos, "--json");
  return JSON.parse(stdout).predictions[0].guesses[0];
}

describe("a backbone", () => {
  it("from a run and from its own ONNX export sees the same images and gives the same features", async () => {
    const own = await featuresOf(network);
    const file = await featuresOf(exported);
    expect(own.features).toMatchObject({ rows: 8, columns: 16 });
    expect([...own.labels]).toEqual([0, 0, 0, 0, 0, 1, 1, 1]);
    expect([...own.indices]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(file.backbone).toMatchObject({
      kind: "onnx",
      width: 16,
      imageShape: [16, 16, 3],
      preprocessing: own.backbone.preprocessing,
      valueRange: [[-1, 1]],
      details: { input: "pixel_values", output: "features", layout: "NCHW" },
    });
    for (const [at, value] of file.features.data.entries()) expect(value).toBeCloseTo(own.features.data[at]!, 4);
    expect(new Set(own.features.data).size).toBeGreaterThan(50);
  });

  it("from an export that takes 8-bit pixels gives the same features, and bears a classifier", async () => {
    const bytes = join(root, "bytes.onnx");
    const weights = asWeights(await readNetwork(network));
    await writeExport(await exportOnnx(weights, { outputs: "both", input: "uint8" }), bytes);
    const own = await featuresOf(network);
    const file = await featuresOf(bytes);
    expect(file.backbone).toMatchObject({
      imageShape: [16, 16, 3],
      preprocessing: own.backbone.preprocessing.replace("value_range(-1,1)", "value_range(0,255)"),
      valueRange: [[0, 255]],
      details: { input: "image", layout: "NHWC" },
    });
    expect(file.features.data).toHaveLength(own.features.data.length);
    for (const [at, value] of file.features.data.entries()) expect(value).toBeCloseTo(own.features.data[at] ?? 0, 4);
    await expect(open(`${bytes}?range=0,1`)).rejects.toThrow(/takes 8-bit pixels, 0 to 255; remove range/);
    const notes: string[] = [];
    const note = (text: string) => void notes.push(text);
    await (await open(bytes, { note })).close();
    expect(notes).toEqual([]);
    const logits = join(root, "logits.onnx");
    await writeExport(await exportOnnx(weights, { outputs: "logits" }), logits);
    await (await open(logits, { note })).close();
    expect(notes).toEqual([expect.stringMatching(/has no features output; using its logits as features/)]);
    const fitted = join(root, "fitted");
    const { status, stderr } = await fovea("fit", photos, "--backbone", bytes, "--output", fitted);
    expect(status, stderr).toBe(0);
    const named = await fovea("predict", fitted, photos, "--json");
    expect(named.stderr).toBe("");
    const guesses = JSON.parse(named.stdout).predictions.map(
      (one: { guesses: { name: string }[] }) => one.guesses[0]?.name,
    );
    expect(guesses).toEqual([...Array(5).fill("apple"), ...Array(3).fill("leaf")]);
    const first = await firstGuess(network);
    const second = await firstGuess(bytes);
    expect(second.class).toBe(first.class);
    expect(second.probability).toBeCloseTo(first.probability, 4);
  });

  it("before any training has the shape of the trained one, the same numbers at every call, and others than it", async () => {
    const trained = await featuresOf(network);
    const random = await featuresOf(`random:${network}`);
    expect(random.features).toMatchObject({ rows: 8, columns: 16 });
    expect(random.backbone.preprocessing).toBe(trained.backbone.preprocessing);
    expect(random.features.data).toEqual((await featuresOf(`random:${network}`)).features.data);
    expect(random.features.data).not.toEqual(trained.features.data);
    expect(new Set(random.features.data).size).toBeGreaterThan(50);
    const [ours, theirs] = await Promise.all([random, trained].map(({ backbone }) => backbone.identity()));
    expect(ours).not.toBe(theirs);
  });

  it.each([
    ["an ONNX file", `random:${exported}`],
    ["an ONNX file with options", `random:${exported}?range=0,1`],
    ["raw pixels", "random:pixels:16"],
    ["a network with random weights", `random:random:${network}`],
  ])("before any training cannot be %s, and the error states what random: takes", async (_, spec) => {
    const expected =
      /^"random:.*cannot be initialised with random weights; expected random: before a run folder, a checkpoint, weights or the name of a model/;
    await expect(open(spec)).rejects.toThrow(expected);
    await expect(readNetwork(spec)).rejects.toThrow(expected);
  });

  it("of a model's name has the initial weights of that model, at the image size of its pre-training or the given one", async () => {
    const { config, imageShape, preprocessing, tensors } = await readNetwork("random:mu/16");
    expect(config).toMatchObject({ family: "vit", width: 32, depth: 1, patchSize: 16 });
    expect(imageShape).toEqual([224, 224, 3]);
    expect(preprocessing).toBe("decode|resize(224)|value_range(-1,1)");
    expect(tensors.get("pos_embedding")?.shape).toEqual([1, 196, 32]);
    const smaller = await featuresOf("random:mu/16?size=32,48");
    expect(smaller.backbone).toMatchObject({ width: 32, imageShape: [32, 48, 3], details: { name: "vit" } });
    expect(smaller.features.data).toEqual((await featuresOf("random:mu/16", { imageSize: [32, 48] })).features.data);
    // a successor: its own image size and scaling
    const successor = await readNetwork("random:EVA02-Ti/14?size=28");
    expect(successor.preprocessing).toMatch(/value_range\(\(-1\.792263/);
    expect(successor.config).toMatchObject({ mlp: "swiglu", patchSize: 14 });
    await expect(open("random:Q/16")).rejects.toThrow(
      /no file, run or bundled network "Q\/16", and as a model: unknown/,
    );
    await expect(open("random:mu/16?heads=4")).rejects.toThrow(/states its settings; remove heads/);
  });

  it("of images [N, H, W, C] in a batch of its own, in the range that is said", async () => {
    const { backbone, features } = await featuresOf(`${channelsLast}?range=0,1`);
    expect(backbone).toMatchObject({ batchSize: 3, imageShape: [8, 12, 3], width: 6 });
    expect(features).toMatchObject({ rows: 8, columns: 6 });
    // images are of one colour: red is 60, 72, ... in the first class, and 20 elsewhere
    for (const [row, red] of [60, 72, 84, 96, 108, 20, 20, 20].entries()) {
      expect(features.data[row * 6]).toBeCloseTo(red / 255, 3);
      expect(features.data[row * 6 + 3]).toBeCloseTo(red / 255, 3);
    }
  });

  it("of raw pixels is the image itself", async () => {
    const { backbone, features } = await featuresOf("pixels:4");
    expect(backbone).toMatchObject({ kind: "pixels", width: 48, imageShape: [4, 4, 3] });
    for (let i = 0; i < 48; i += 3) expect(features.data[48 + i]).toBeCloseTo((72 / 255) * 2 - 1, 3);
  });

  it("is brought to another size of images, its positions with it", async () => {
    const { backbone, features } = await featuresOf(network, { imageSize: 24 });
    expect(backbone).toMatchObject({ imageShape: [24, 24, 3], preprocessing: "decode_resize(24)|value_range(-1,1)" });
    const usual = await featuresOf(`${network}?size=16`);
    expect(features.columns).toBe(16);
    expect([...features.data]).not.toEqual([...usual.features.data]);
    await expect(open(channelsLast, { imageSize: 10 })).rejects.toThrow(
      /takes images of 8 x 12; given 10 x 10; remove the image size/,
    );
  });

  it("that means nothing is refused", async () => {
    await expect(open("pixels:x")).rejects.toThrow(/pixels:SIDE, such as pixels:16/);
    await expect(open(`${exported}?sise=3`)).rejects.toThrow(/unknown option "sise"; did you mean "size"/);
    await expect(open(`${exported}?size=0`)).rejects.toThrow(/size must be a side in pixels or HEIGHT,WIDTH/);
    await expect(open(`${exported}?range=1,0`)).rejects.toThrow(/must be LOW,HIGH/);
    await expect(open(`${exported}?output=fetures`)).rejects.toThrow(
      /expected a float32 output named "fetures"; found (logits, features|features, logits)/,
    );
    await expect(open(`${network}?range=0,1`)).rejects.toThrow(
      /range and output apply to ONNX files only; remove them/,
    );
    await expect(open(join(root, "expoted.onnx"))).rejects.toThrow(/expoted\.onnx/);
    const text = join(root, "text.onnx");
    writeFileSync(text, "not a model");
    await expect(open(text)).rejects.toThrow(/cannot be opened as an ONNX model/);
  });
});

it("features are kept for the same backbone, images and preprocessing, and made anew for others", async () => {
  const cache = join(root, "cache");
  const images = await imageFolder(join(root, "changing"), { a: 2, b: 2 });
  writeFileSync(join(images, "a/9.png"), "not an image");
  const backbone = await open("pixels:2");
  const features = async (options = {}) => {
    const source = await openSource(images);
    return await imageFeatures(backbone, source, { workers: 0, maxBadFraction: 1, cache, ...options });
  };
  const first = await features();
  expect(first).toMatchObject({ cached: false, bad: [{ id: join(images, "a/9.png") }] });
  const { cached, ...again } = await features();
  expect(cached).toBe(true);
  expect({ ...again, cached: false }).toEqual(first);
  expect((await features({ preprocessing: "decode_resize(2)|value_range(0,1)" })).cached).toBe(false);
  utimesSync(join(images, "b/0.png"), 1, 1);
  expect((await features()).cached).toBe(false);
  const files = readdirSync(cache);
  expect(files).toHaveLength(3);
  for (const file of files) writeFileSync(join(cache, file), "damaged");
  expect((await features()).cached).toBe(false);
  const stop = AbortSignal.abort();
  await expect(features({ signal: stop, cache: join(root, "other") })).rejects.toThrow(/abort/);
});
