/** Opening a trained network: which checkpoint, what it computes, and one clear message for whatever does not fit. */

import { copyFileSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openSource } from "../../src/data/index.js";
import { describePreprocessing, preprocessImage, rawImage } from "../../src/images/index.js";
import {
  evaluationPreprocessing,
  imageLogits,
  imageRows,
  listCheckpoints,
  loadCheckpoint,
  open,
  readNetwork,
  saveCheckpoint,
} from "../../src/networks/index.js";
import { byLabel, evaluateSource, prepareTraining, resolveRecipe, train } from "../../src/train/index.js";
import { evaluating, representing, scored as scoredRows } from "../support/rows.js";
import { temporaryFolder, tinyRecipe, trainTiny } from "../support/trained-run.js";

const root = temporaryFolder("load-model");
const run = join(root, "run");
const scored = join(root, "scored");
beforeAll(async () => {
  await trainTiny(run);
  await trainTiny(scored, {
    checkpoint: { every: { steps: 1 }, keepLast: 3, keepBest: { metric: "loss", mode: "min" } },
  });
});
afterAll(() => rmSync(root, { recursive: true }));

const checkpointsOf = async (folder: string) => (await listCheckpoints(join(folder, "checkpoints"))).checkpoints;
const broken = (name: string): string => {
  const folder = join(root, name);
  mkdirSync(join(folder, "checkpoints"), { recursive: true });
  copyFileSync(join(run, "recipe.json"), join(folder, "recipe.json"));
  return folder;
};

describe("a trained network", () => {
  test("of a run folder is the newest checkpoint, and says so", async () => {
    const notes: string[] = [];
    const model = await open(run, { note: (text) => notes.push(text), threads: 1 });
    await model.close();
    expect(model.details).toMatchObject({ step: 3 });
    expect(notes).toEqual([
      `using ${join(run, "checkpoints", "step-000000003.safetensors")}, the newest: no checkpoint has a score (checkpoint.keepBest in a recipe gives them one)`,
    ]);
    expect(model.classNames).toEqual((await openSource("generated:shapes?label=shape")).classNames);
    expect(model).toMatchObject({
      width: 16,
      imageShape: [16, 16, 3],
      details: { config: { depth: 1, classes: model.classNames!.length } },
    });
  });

  test("of a run with scores is the best one", async () => {
    const all = await checkpointsOf(scored);
    const best = all.reduce((a, b) => (b.score!.value < a.score!.value ? b : a));
    const notes: string[] = [];
    const model = await open(scored, { note: (text) => notes.push(text) });
    await model.close();
    expect(model.path).toBe(best.path);
    expect(notes).toHaveLength(1);
    expect(notes[0]).toMatch(/the best by loss \(/);
  });

  test("of one checkpoint file is that one", async () => {
    const [first] = await checkpointsOf(run);
    const model = await open(first!.path);
    await model.close();
    expect(model.details).toMatchObject({ step: 1 });
    const inFolder = await open(join(run, "checkpoints"));
    await inFolder.close();
    expect(inFolder.details).toMatchObject({ step: 3 });
  });

  test("computes what the program it was trained in computes", async () => {
    const recipe = resolveRecipe(tinyRecipe(run));
    const source = await openSource(recipe.data.evaluation!.source, { split: "test" });
    const checkpoint = await loadCheckpoint((await checkpointsOf(run)).at(-1)!.path);
    const prepared = await prepareTraining(recipe, 24, source.classNames.length);
    const values = Object.fromEntries(
      [...checkpoint.tensors].map(([name, { data }]) => [name, data as Float32Array] as const),
    );
    await using trained = await evaluating(prepared, "represent", values);
    await using trainedClassifier = await evaluating(prepared, "evaluate", values);
    await using model = await open(run, { batchSize: 5, threads: 1 });
    const pass = { preprocessing: model.preprocessing, workers: 0 };
    const expected = await imageRows(representing(trained), source, { ...pass, batchSize: 4 });
    const progress: number[] = [];
    const found = await imageRows(model.run, source, {
      ...pass,
      batchSize: 5,
      onProgress: (done, total) => progress.push(done, total),
    });
    expect(found.features.columns).toBe(16);
    expect(progress).toEqual([5, 9, 9, 9]);
    expect(found.labels).toEqual(source.labels);
    expect(new Set(found.features.data).size).toBeGreaterThan(100);
    for (const [i, value] of expected.features.data.entries()) expect(found.features.data[i]).toBeCloseTo(value, 5);
    await using classifier = await open(run, { output: "logits", batchSize: 5, threads: 1 });
    const one = await evaluateSource(trainedClassifier, byLabel, source, { ...pass, batchSize: 4 });
    const other = scoredRows(await imageLogits(classifier, source, { workers: 0 }));
    expect(other.accuracy).toBe(one.accuracy);
    expect(other.loss).toBeCloseTo(one.loss, 5);
  });

  test("holds parameters only, not the optimiser's state", async () => {
    const network = await readNetwork(run);
    const checkpoint = await loadCheckpoint(network.path);
    expect([...checkpoint.tensors.keys()].some((name) => name.startsWith("adam/m/"))).toBe(true);
    expect([...network.tensors.keys()].sort()).toEqual(
      [...checkpoint.tensors.keys()].filter((name) => !name.startsWith("adam/")).sort(),
    );
  });
});

describe("what cannot be opened", () => {
  test("a path that is not there names the nearest", async () => {
    await expect(open(join(root, "rum"))).rejects.toThrow(/there is no ".*rum".*did you mean "run"/);
  });

  test("a folder that is no run, and a checkpoint under another name; one that was taken out of its run opens", async () => {
    await expect(open(root)).rejects.toThrow(/is not the folder of a run: it has neither recipe\.json/);
    const [first] = await checkpointsOf(run);
    const alone = join(root, "step-000000001.safetensors");
    copyFileSync(first!.path, alone);
    const { width } = await open(alone).then(async (model) => model.close().then(() => model));
    expect(width).toBe(16);
    const renamed = join(root, "alone.safetensors");
    copyFileSync(first!.path, renamed);
    await expect(open(renamed)).rejects.toThrow(/alone\.safetensors: .*\n {2}extra \(46\): adam\/m\/embedding/);
  });

  test("a run without a checkpoint", async () => {
    await expect(open(broken("empty"))).rejects.toThrow(/holds a run, but no checkpoint yet/);
  });

  test("a damaged checkpoint is passed over with a note, and refused when it is asked for or the only one", async () => {
    const folder = broken("damaged");
    const [first, second] = await checkpointsOf(run);
    const good = join(folder, "checkpoints", "step-000000001.safetensors");
    const bad = join(folder, "checkpoints", "step-000000002.safetensors");
    copyFileSync(first!.path, good);
    copyFileSync(second!.path, bad);
    const bytes = readFileSync(bad);
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(bad, bytes);
    const notes: string[] = [];
    const model = await open(folder, { note: (text) => notes.push(text) });
    await model.close();
    expect(model.details).toMatchObject({ step: 1 });
    expect(notes.filter((text) => /skipped a damaged checkpoint: .*000002.*checksum/.test(text))).toHaveLength(1);
    await expect(open(bad)).rejects.toThrow(/000002.*do not match their checksum/);
    truncateSync(good, 100);
    await expect(open(folder)).rejects.toThrow(/no intact checkpoint; 2 damaged:\n {2}.*\n {2}/);
  });

  test("a checkpoint of another model: every misfit at once", async () => {
    const folder = broken("misfit");
    const { tensors, meta, step } = await loadCheckpoint((await checkpointsOf(run)).at(-1)!.path);
    const changed = new Map(tensors);
    changed.delete("Transformer/encoder_norm/scale");
    changed.delete("head/bias");
    changed.set("MAPHead_0/probe", { dtype: "float32", shape: [1], data: new Float32Array(1) });
    changed.set("embedding/bias", { dtype: "float32", shape: [2], data: new Float32Array(2) });
    changed.set("pos_embedding", { dtype: "int32", shape: [1, 4, 16], data: new Int32Array(64) });
    await saveCheckpoint(join(folder, "checkpoints"), { step, tensors: changed, meta });
    const message = await open(folder).then(
      () => "",
      (error: Error) => error.message,
    );
    expect(message.split("\n").slice(1).sort()).toEqual([
      "  embedding/bias is [2], expected [16]",
      "  extra MAPHead_0/probe",
      "  missing Transformer/encoder_norm/scale",
      "  missing head/bias",
      "  pos_embedding is int32 [1, 4, 16], expected float32 [1, 4, 16]",
    ]);
  });

  test("resuming a run whose checkpoint does not fit says the same", async () => {
    const folder = broken("resume");
    const { tensors, meta } = await loadCheckpoint((await checkpointsOf(run)).at(-1)!.path);
    const changed = new Map(tensors);
    changed.delete("head/bias");
    await saveCheckpoint(join(folder, "checkpoints"), { step: 1, tensors: changed, meta });
    const resumed = train(resolveRecipe(tinyRecipe(folder)), { silent: true, resume: true });
    await expect(resumed).rejects.toThrow(/does not fit the model:\n {2}missing head\/bias$/);
  });
});

describe("preprocessing for evaluation", () => {
  const of = (
    trained: string,
    {
      evaluation,
      imageSize = 32,
      channels = 3,
    }: { evaluation?: string; imageSize?: number | [number, number]; channels?: number } = {},
  ) =>
    evaluationPreprocessing({ training: trained, evaluation }, [
      ...(typeof imageSize === "number" ? ([imageSize, imageSize] as const) : imageSize),
      channels,
    ]);

  test.each([
    [
      "decode|inception_crop(224)|flip_lr|value_range(-1,1)",
      224,
      "decode|resize_small(256)|central_crop(224)|value_range",
    ],
    ["decode|resize(40)|random_crop(32)|flip_lr|value_range", 32, "decode|resize(40)|central_crop(32)|value_range"],
    ["decode|inception_crop|resize(32)|value_range", 32, "decode|resize(32)|value_range"],
    ["decode|flip_lr|value_range|onehot(10)", 32, "decode_resize(32)|value_range"],
    ["decode|resize(32)|flip_lr|augreg(medium1)|value_range", 32, "decode|resize(32)|value_range"],
    [
      'decode|views(8,"inception_crop(32)|hsvnoise|flip_lr")|value_range',
      32,
      "decode|resize_small(37)|central_crop(32)|value_range",
    ],
    [
      "decode|resize(40)|grey_random|patch_grid(2,16,8)|standardise(8)",
      [32, 8] as [number, number],
      "decode|resize(40)|patch_grid(2,16,8,place=centre)|standardise(8)",
    ],
    [
      "decode|resize(8,24)|rotate90(1)|value_range",
      [24, 8] as [number, number],
      "decode|resize(8,24)|rotate90(1)|value_range",
    ],
    ["decode|resize(32)|permute_patches(8)|value_range", 32, "decode|resize(32)|permute_patches(8)|value_range"],
    ["decode|resize(32)|shuffle_patches(8)|value_range", 32, "decode|resize(32)|value_range"],
    ["decode|resize_small(32)|flip_lr|value_range", 32, "decode|resize_small(32)|central_crop(32)|value_range"],
    ["flip_lr|value_range", 32, "decode_resize(32)|value_range"],
    ["decode_resize(32,fit=fill)|flip_lr|value_range|keep(image,label)", 32, "decode_resize(32,fit=fill)|value_range"],
  ])("training with %s is evaluated without its random ops and at the model's size", (trained, imageSize, expected) => {
    expect(of(trained, { imageSize })).toBe(describePreprocessing(expected));
  });

  test("the recipe's own goes before", () => {
    expect(of("decode|flip_lr|value_range", { evaluation: "decode|resize(32)|value_range(0,1)" })).toBe(
      "decode|resize(32)|value_range(0,1)",
    );
  });

  test.each(["png", "jpeg", "raw"] as const)(
    "leaves a %s image of the model's size as training saw it",
    async (format) => {
      const size = { width: 12, height: 9, channels: 3 as const };
      const noise = Uint8Array.from({ length: 9 * 12 * 3 }, (_, i) => (i * 7919) % 256);
      const file = sharp(noise, { raw: size });
      const image =
        format === "raw"
          ? rawImage(noise, 9, 12, 3)
          : ({ kind: "encoded", bytes: await file.toFormat(format).toBuffer() } as const);
      for (const trained of ["decode|value_range", "decode|grey|value_range"]) {
        const channels = trained.includes("grey") ? 1 : 3;
        const fitted = of(trained, { imageSize: [9, 12], channels });
        expect(fitted).toMatch(/^decode_resize\(9,/);
        expect(await preprocessImage(fitted, image)).toEqual(await preprocessImage(trained, image));
      }
    },
  );

  test("channels are made the model's", () => {
    expect(of("decode|grey|value_range(-1,1)", { channels: 1 })).toBe("decode_resize(32)|grey|value_range(-1,1)");
    expect(of("decode(0)|resize(32)|value_range(-1,1)", { channels: 1 })).toBe(
      "decode(0)|resize(32)|grey|value_range(-1,1)",
    );
    expect(of("decode(0)|resize(32)|value_range(-1,1)")).toBe("decode(0)|resize(32)|to_rgb|value_range(-1,1)");
    expect(() => of("decode|value_range", { channels: 4 })).toThrow(/4 channels/);
  });
});
