/** ONNX files of others: weights in files beside them, rows that are checked, numbers that are none. */

import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exportOnnx, writeExport } from "../../src/export/index.js";
import { constant, divide, input, multiply, reduceMean, reduceSum, reshape, writeOnnx } from "../../src/graph/index.js";
import { imageFeatures, open } from "../../src/networks/index.js";
import { compileOnnx, inspectOnnx, OnnxFileError, readOnnxFile } from "../../src/runtime/index.js";
import { fovea } from "../support/command-line.js";
import * as models from "../support/seeded-models.js";
import { imageFolder } from "../support/trained-run.js";
import { uniform } from "../support/vit-cases.js";

let folder: string;
let photos: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "fovea-onnx-"));
  photos = join(folder, "photos");
  await imageFolder(photos, { apple: 3, leaf: 2 });
});
afterAll(() => rmSync(folder, { recursive: true }));

const weights = models.weightsOf(models.resnet);

/** A model whose weights are in `location`, in a folder of its own. */
async function split(name: string, location = "model.onnx_data"): Promise<string> {
  const path = join(folder, name, "model.onnx");
  mkdirSync(join(folder, name));
  const model = await exportOnnx(weights, { outputs: "both", externalAbove: 1000, externalPath: location });
  expect(model.external?.path).toBe(location);
  if (location.startsWith("..") || location.startsWith("/")) writeFileSync(path, model.bytes);
  else await writeExport(model, path);
  return path;
}

async function runs(path: string): Promise<number[]> {
  const file = await readOnnxFile(path);
  const program = await compileOnnx(file, { pixel_values: [2, 3, 16, 16] }, { threads: 1 });
  const { logits } = await program.run("run", { pixel_values: uniform(2 * 3 * 16 * 16, "image") });
  await program.close();
  return [...(logits as Float32Array)];
}

describe("weights in another file", () => {
  test("are found beside the model, wherever the process runs", async () => {
    const whole = join(folder, "whole.onnx");
    await writeExport(await exportOnnx(weights, { outputs: "both" }), whole);
    const path = await split("beside");
    expect((await readOnnxFile(path)).external).toEqual([join(folder, "beside", "model.onnx_data")]);
    expect((await readOnnxFile(whole)).external).toEqual([]);
    expect(await runs(path)).toEqual(await runs(whole));
  });

  test.each(["../stolen.data", "/etc/hostname"])("%s is refused", async (location) => {
    const path = await split(`out-${location.length}`, location);
    writeFileSync(join(folder, "stolen.data"), new Uint8Array(1 << 20));
    await expect(readOnnxFile(path)).rejects.toThrow(OnnxFileError);
    await expect(readOnnxFile(path)).rejects.toThrow(/are outside its folder/);
  });

  test("a link that leads out is not followed", async () => {
    const path = await split("linked");
    const data = join(folder, "linked", "model.onnx_data");
    renameSync(data, join(folder, "elsewhere.data"));
    await expect(readOnnxFile(path)).rejects.toThrow(/model\.onnx_data are missing; put them into/);
    symlinkSync(join(folder, "elsewhere.data"), data);
    await expect(readOnnxFile(path)).rejects.toThrow(/a symbolic link out of its folder/);
  });

  test("cannot belong to a model in memory", async () => {
    const { bytes } = await exportOnnx(weights, { externalAbove: 1000 });
    await expect(inspectOnnx("given.onnx", bytes)).rejects.toThrow(/its weights are in other files/);
  });

  test("change the identity of a backbone, and no classifier is put upon it", async () => {
    const spec = `${await split("identity")}?size=16&range=-1,1`;
    const backbone = await open(spec, { threads: 1 });
    const before = await backbone.identity();
    await expect(backbone.toOnnx()).rejects.toThrow(/stores its weights in external files; save it as one ONNX file/);
    writeFileSync(join(folder, "identity", "model.onnx_data"), new Uint8Array(1 << 20));
    expect(await backbone.identity()).not.toBe(before);
    await backbone.close();
  });
});

describe("outputs", () => {
  const image = input("image", "float32", [4, 8, 8, 3]);
  const write = (name: string, features: Parameters<typeof writeOnnx>[0][string]) => {
    const path = join(folder, name);
    writeFileSync(path, writeOnnx({ features }, [image]).bytes);
    return path;
  };

  test.each([
    ["two rows an image", [8, 96]],
    ["one row for all", [1, 768]],
    ["a row for two images", [2, 384]],
  ] as const)("%s are refused: images would get the numbers of others", async (name, shape) => {
    const path = write(`${name}.onnx`, reshape(image, shape));
    const backbone = await open(`${path}?range=-1,1`, { threads: 1 }).catch((error: Error) => error);
    const message =
      backbone instanceof Error
        ? backbone.message
        : await backbone.run({ image: new Float32Array(4 * 8 * 8 * 3) }).catch((error: Error) => error.message);
    if (!(backbone instanceof Error)) await backbone.close();
    expect(message).toMatch(/shape \[\d, \d+\]; expected 4 rows, one for each image/);
  });

  test("NaN in features is refused with the image it is of", async () => {
    // 0 / 0 where an image is black
    const mean = reduceMean(image, [1, 2]);
    const path = write("nan.onnx", divide(mean, multiply(reduceSum(mean, [1], true), constant([0], [1]))));
    const backbone = await open(`${path}?range=0,1`, { threads: 1 });
    const source = await import("../../src/data/index.js").then(({ openSource }) => openSource(photos));
    await expect(imageFeatures(backbone, source, { workers: 0 })).rejects.toThrow(
      /features of 5 of 5 images of .* contain NaN or infinities \(the first: .*apple/,
    );
    await backbone.close();
    await source.close();
    const output = join(folder, "nan.safetensors");
    const embedded = await fovea("embed", `${path}?range=0,1`, photos, "--output", output);
    expect(embedded.status).not.toBe(0);
    expect(embedded.stderr).toMatch(/contain NaN or infinities/);
    const predicted = await fovea("predict", `${path}?range=0,1`, photos);
    expect(predicted.stderr).toMatch(/logits of 5 of 5 images/);
  });
});
