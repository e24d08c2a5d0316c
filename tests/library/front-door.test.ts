/** `import ... from "fovea"`: an open network on every form of an image, and a classifier that is fitted, used and saved. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodePng } from "../../src/formats/png.js";
import * as fovea from "../../src/library/index.js";

const folder = mkdtempSync(join(tmpdir(), "fovea-front-door-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const side = 40;
/** RGBA pixels of a smooth picture, all opaque. */
const pixels = Uint8ClampedArray.from({ length: side * side * 4 }, (_, i) => {
  const [x, y, channel] = [(i >> 2) % side, Math.floor(i / 4 / side), i % 4];
  return channel === 3 ? 255 : Math.round(127 + 100 * Math.sin(x / (3 + channel) + y / 7));
});
const photo = join(folder, "photo.png");
let bytes: Uint8Array;
beforeAll(() => {
  bytes = encodePng({ data: withoutAlpha(pixels), height: side, width: side, channels: 3 });
  writeFileSync(photo, bytes);
});

function withoutAlpha(rgba: Uint8ClampedArray): Uint8Array {
  return Uint8Array.from(rgba.filter((_, i) => i % 4 !== 3));
}

test("an open network embeds every form of an image alike, and as a pass over a dataset does", async () => {
  await using network = await fovea.open("embedded:tiny");
  const expected = await network.embed(photo);
  const server = createServer((request, response) => {
    response.statusCode = request.url === "/photo.png" ? 200 : 404;
    response.end(request.url === "/photo.png" ? bytes : "");
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const forms = {
    bytes,
    buffer: Buffer.from(bytes),
    "file URL": pathToFileURL(photo),
    "data URL": `data:image/png;base64,${Buffer.from(bytes).toString("base64")}`,
    address: `${address}/photo.png`,
    "ImageData of a browser": { data: pixels, width: side, height: side },
    RGB: { data: withoutAlpha(pixels), width: side, height: side },
  };
  try {
    for (const [form, image] of Object.entries(forms)) {
      expect(Array.from(await network.embed(image)), form).toEqual(Array.from(expected));
    }
    await expect(network.embed(`${address}/none.png`)).rejects.toThrow(/none\.png: cannot be read.*404/);
  } finally {
    server.close();
  }
  const { features } = await network.features(folder);
  expect(features.rows).toBe(1);
  for (const [i, value] of features.data.entries()) expect(value).toBeCloseTo(expected[i] ?? Number.NaN, 4);
});

test("transparent pixels are composited on white", async () => {
  await using network = await fovea.open("pixels:8");
  const clear = { data: new Uint8ClampedArray(side * side * 4), width: side, height: side };
  const white = { data: new Uint8Array(side * side * 3).fill(255), width: side, height: side };
  expect(await network.embed(clear)).toEqual(await network.embed(white));
});

test("what is no image is refused with what was expected", async () => {
  await using network = await fovea.open("pixels:8");
  await expect(network.embed(join(folder, "phot.png"))).rejects.toThrow(/phot\.png/);
  await expect(network.embed(new Uint8Array(9))).rejects.toThrow(/image/);
  await expect(network.embed({ data: new Uint8Array(7), width: 2, height: 2 })).rejects.toThrow(/4 values a pixel/);
  await expect(network.classify(photo)).rejects.toThrow();
});

test("a classifier is fitted without writing, predicts, is saved, and predicts the same when it is opened", async () => {
  const source = "embedded:clothing?only=hat,pants&take=24&balanced=true";
  await using classifier = await fovea.fit(source, { backbone: "embedded:tiny", methods: ["ridge"], folds: 2 });
  expect(classifier.files).toEqual([]);
  const guesses = await classifier.predict(photo, { top: 2 });
  expect(guesses.map(({ name }) => name).sort()).toEqual(["hat", "pants"]);
  expect(guesses.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1);

  const saved = join(folder, "clothes");
  expect(await classifier.save(saved)).toContain("onnx/model.onnx");
  expect(existsSync(join(saved, "report.html"))).toBe(true);
  await expect(classifier.save(saved)).rejects.toThrow(/already/);
  await classifier.save(saved, { overwrite: true });

  await using opened = await fovea.open(saved);
  const [best] = await opened.classify(photo);
  expect(best?.name).toBe(guesses[0]?.name);
  expect(best?.probability).toBeCloseTo(guesses[0]?.probability ?? Number.NaN, 3);
  const { predictions } = await fovea.predict(saved, [photo]);
  expect(predictions[0]?.guesses[0]?.name).toBe(guesses[0]?.name);
});

test("a recipe is trained as it is written", async () => {
  const recipe = fovea.defineRecipe({
    model: { name: "vit", patchSize: 8, width: 16, depth: 1, heads: 2, mlpDim: 16, imageSize: 16 },
    data: {
      train: { source: "embedded:fashion?take=16", preprocessing: "decode|resize(16)|value_range(-1,1)" },
      workers: 0,
    },
    batchSize: 8,
    total: { steps: 2 },
    objective: { name: "softmax" },
    optimizer: { name: "adamw", learningRate: 1e-3 },
    output: join(folder, "run"),
  });
  const { totalSteps } = await fovea.train(recipe, { silent: true });
  expect(totalSteps).toBe(2);
  await using network = await fovea.open(join(folder, "run"));
  expect((await network.embed(photo)).length).toBe(16);
});
