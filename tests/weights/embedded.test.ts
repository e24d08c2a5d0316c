/** The backbones of the package: their files, their cards, and that every way to run one gives the same features. */

import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { InferenceSession as NodeSession, Tensor as NodeTensor } from "onnxruntime-node";
import { env, InferenceSession as WebSession, Tensor as WebTensor } from "onnxruntime-web";
import { beforeAll, describe, expect, test } from "vitest";
import { createLoader, openSource, stratifiedSample } from "../../src/data/index.js";
import { readSafetensors } from "../../src/formats/safetensors.js";
import { elementCount } from "../../src/graph/index.js";
import { type Network, open } from "../../src/networks/index.js";
import { defaultBackbone, embeddedBackbones, embeddedFolder, loadWeights } from "../../src/weights/index.js";
import { fovea } from "../support/command-line.js";

/** Most bytes of the weights as float32. */
const limits: Readonly<Record<string, number>> = { tiny: 4e6, vit: 6e6, small: 24e6, bit: 24e6 };
const images = 12;

describe.each(embeddedBackbones.map(({ name }) => name))("embedded:%s", (name) => {
  const folder = embeddedFolder(name);
  let backbone: Network;
  // [images, height, width, 3] of photographs, and their features by the program.
  let photographs: Float32Array;
  let expected: Float32Array;
  // The same as [images, 3, height, width].
  let planes: Float32Array;
  let shape: number[];

  beforeAll(async () => {
    backbone = await open(`embedded:${name}`, { batchSize: images, threads: 1 });
    const photos = await openSource("embedded:clothing", { split: "test" });
    const source = stratifiedSample(photos, images);
    const loader = createLoader(source, {
      batchSize: images,
      preprocessing: backbone.preprocessing,
      evaluation: true,
      workers: 0,
    });
    photographs = (await loader.next())!.image.slice();
    await loader.close();
    await photos.close();
    expected = await backbone.run({ image: photographs.slice() });
    await backbone.close();
    const [height, width, channels] = backbone.imageShape;
    shape = [images, channels, height, width];
    planes = Float32Array.from({ length: photographs.length }, (_, i) => {
      const [image, channel, pixel] = [
        Math.floor(i / (channels * height * width)),
        Math.floor(i / (height * width)) % channels,
        i % (height * width),
      ];
      return photographs[(image * height * width + pixel) * channels + channel]!;
    });
  });

  // Largest difference from the program's features, over the largest feature.
  function difference(features: Float32Array): number {
    expect(features.length).toBe(expected.length);
    const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    return features.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0) / largest;
  }

  test("its program tells the photographs apart", () => {
    expect(expected).toHaveLength(images * backbone.width);
    expect(expected.every(Number.isFinite)).toBe(true);
    const rows = Array.from({ length: images }, (_, i) => expected.slice(i * backbone.width, (i + 1) * backbone.width));
    expect(new Set(rows.map((row) => row.join())).size).toBe(images);
  });

  test("its ONNX file gives the same features in onnxruntime-node", async () => {
    const session = await NodeSession.create(join(folder, "model.onnx"));
    const { features } = await session.run({ pixel_values: new NodeTensor("float32", planes, shape) });
    expect(features!.dims).toEqual([images, backbone.width]);
    expect(difference(features!.data as Float32Array)).toBeLessThan(1e-3);
    await session.release();
  });

  test("its ONNX file gives the same features in onnxruntime-web", async () => {
    env.wasm.numThreads = 1;
    const session = await WebSession.create(readFileSync(join(folder, "model.onnx")));
    const { features } = await session.run({ pixel_values: new WebTensor("float32", planes, shape) });
    expect(features!.dims).toEqual([images, backbone.width]);
    expect(difference(features!.data as Float32Array)).toBeLessThan(1e-3);
    await session.release();
  });

  test("its ONNX file is a backbone that sees images as it does itself", async () => {
    const file = await open(join(folder, "model.onnx"), { batchSize: images, threads: 1 });
    const { preprocessing, imageShape, width, valueRange } = backbone;
    expect(file).toMatchObject({ preprocessing, imageShape, width, valueRange });
    expect(difference(await file.run({ image: photographs.slice() }))).toBeLessThan(1e-3);
    await file.close();
  });

  test("its files are as small as promised", async () => {
    const { tensors } = await readSafetensors(join(folder, "model.safetensors"));
    const numbers = [...tensors.values()].reduce((total, { dtype, shape }) => {
      expect(dtype).toBe("float16");
      return total + elementCount(shape);
    }, 0);
    expect(4 * numbers).toBeLessThanOrEqual(limits[name]!);
    // two bytes a number, and little else
    expect(statSync(join(folder, "model.safetensors")).size).toBeLessThan(2 * numbers + 100_000);
    expect(statSync(join(folder, "model.onnx")).size).toBeLessThan(2.2 * numbers + 200_000);
  });

  test("its card states its size, its figures beside raw pixels and the untrained network, and its terms", async () => {
    const { tensors, metadata, config } = await loadWeights(`embedded:${name}`);
    const card = readFileSync(join(folder, "README.md"), "utf8");
    const parameters = [...tensors.values()].reduce((total, { shape }) => total + elementCount(shape), 0);
    expect(card).toContain(`${parameters.toLocaleString("en-US")} (`);
    const accuracies = (row: RegExp) => {
      const [line] = row.exec(card) ?? [];
      expect(line, `${row}`).toBeDefined();
      return line!.split("|")[4]!.split("/").map(Number);
    };
    const own = accuracies(new RegExp(`^\\| \\*\\*embedded:${name}\\*\\*.*`, "m"));
    for (const other of [/^\| raw pixels.*/m, /^\| the same with random weights.*/m]) {
      for (const [i, accuracy] of accuracies(other).entries()) expect(own[i]).toBeGreaterThan(accuracy);
    }
    expect(card).toMatch(/ImageNet/);
    expect(card).toMatch(/Apache License 2\.0/);
    expect(card).not.toMatch(/\/(work|tmp|home|root)\//);
    expect(metadata.licence).toMatch(/Apache-2\.0/);
    expect(config.classes).toBe(0);
    expect([...tensors.keys()].some((tensor) => tensor.startsWith("head/"))).toBe(false);
  });
});

test("the usual backbone is one of them, all come with the package, and none is left out of the table", () => {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  expect(embeddedBackbones.map(({ name }) => `embedded:${name}`)).toContain(defaultBackbone);
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { files: string[] };
  for (const { name } of embeddedBackbones) expect(manifest.files).toContain(`models/${name}`);
});

test("another name is answered with those that exist", async () => {
  const names = embeddedBackbones.map(({ name }) => name).join(", ");
  await expect(loadWeights("embedded:tinny")).rejects.toThrow(
    new RegExp(`unknown embedded backbone "tinny"; did you mean "tiny"\\?? available: ${names}`),
  );
  const { status, stderr } = await fovea("inspect", "embedded:huge");
  expect([status, stderr]).toEqual([
    1,
    expect.stringContaining(`unknown embedded backbone "huge"; available: ${names}`),
  ]);
});
