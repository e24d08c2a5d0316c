/** `fovea predict`, `convert`, `export` and `inspect` with a tiny trained network, alone and from its converted weights. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { rowOf } from "../../src/algebra/features.js";
import { imagesFromStream } from "../../src/commands/standard-input.js";
import { imageFiles } from "../../src/data/index.js";
import { decodeResize } from "../../src/images/index.js";
import { imageRows, open, topClasses } from "../../src/networks/index.js";
import { fovea } from "../support/command-line.js";
import { imageFolder, temporaryFolder, trainTiny } from "../support/trained-run.js";

const root = temporaryFolder("predict");
const run = join(root, "run");
const photos = join(root, "photos");

beforeAll(async () => {
  await trainTiny(run);
  await imageFolder(photos, { apple: 2, leaf: 1 });
});
afterAll(() => rmSync(root, { recursive: true }));

interface Document {
  predictions: { image: string; guesses: { class: number; name: string; probability: number }[] }[];
  bad: { id: string; reason: string }[];
}

async function predicted(...words: string[]): Promise<Document> {
  const { status, stdout, stderr } = await fovea("predict", ...words, "--json");
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout) as Document;
}

describe("predict", () => {
  test("names the images of a set: an archive, generated ones, some of a folder", async () => {
    const { predictions } = await predicted(run, "generated:shapes?label=shape&size=16&length=24&take=3");
    expect(predictions).toHaveLength(3);
    const some = await predicted(run, `${photos}?only=apple`);
    expect(some.predictions.map(({ image }) => image)).toEqual([
      join(photos, "apple", "0.png"),
      join(photos, "apple", "1.png"),
    ]);
    const two = await fovea("predict", run, photos, "embedded:clothing");
    expect([two.status, two.stderr]).toEqual([
      2,
      expect.stringContaining("embedded:clothing is a dataset; give it alone"),
    ]);
  });

  test("names the classes of files and folders as the network does", async () => {
    const one = join(photos, "apple", "1.png");
    const { predictions } = await predicted(run, photos, one, "--top", "3");
    expect(predictions.map(({ image }) => image)).toEqual([
      join(photos, "apple", "0.png"),
      one,
      join(photos, "leaf", "0.png"),
      one,
    ]);
    const model = await open(run, { output: "logits" });
    const found = await imageRows(model.run, await imageFiles([photos]), { ...model, workers: 0 });
    await model.close();
    expect(found.features.columns).toBe(4);
    for (const [row, { guesses }] of predictions.slice(0, 3).entries()) {
      const logits = [...rowOf(found.features, row)];
      const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
      expect(guesses).toHaveLength(3);
      expect(guesses.map((guess) => guess.probability)).toEqual(
        guesses.map((guess) => guess.probability).sort((a, b) => b - a),
      );
      for (const guess of guesses) {
        expect(guess.name).toBe(model.classNames![guess.class]);
        expect(guess.probability).toBeCloseTo(Math.exp(logits[guess.class]!) / total, 5);
      }
      expect(logits[guesses[0]!.class]).toBe(Math.max(...logits));
    }
    expect(predictions[3]!.guesses).toEqual(predictions[1]!.guesses);
  });

  test("tells what could not be read, and fails", async () => {
    const broken = join(root, "broken.jpg");
    writeFileSync(broken, "not an image");
    const { status, stdout, stderr } = await fovea("predict", run, broken, join(photos, "leaf"));
    expect(status).toBe(1);
    expect(stdout).toMatch(/^\S+ +\d+\.\d % {2}.*leaf\/0\.png\n$/);
    expect(stderr).toMatch(/1 image could not be read and was excluded:\n.*broken\.jpg: not an image/);
  });

  test.each<[string, RegExp, string[]]>([
    ["nothing at the path", /there is no ".*phtos"/, ["phtos"]],
    [
      "a folder without images",
      /there are no images in .*run; expected files in a folder with one of the extensions/,
      ["run"],
    ],
  ])("%s", async (_name, message, paths) => {
    const { status, stderr } = await fovea("predict", run, ...paths.map((path) => join(root, path)));
    expect(status).toBe(1);
    expect(stderr).toMatch(message);
  });

  test("standard input is an image or paths", async () => {
    const bytes = readFileSync(join(photos, "leaf", "0.png"));
    const [image] = await imagesFromStream(Readable.from([bytes.subarray(0, 7), bytes.subarray(7)]));
    expect(image).toEqual({ id: "standard input", bytes: new Uint8Array(bytes) });
    expect(await imagesFromStream(Readable.from([Buffer.from("a.jpg\r\n\n b c.png \n")]))).toEqual([
      "a.jpg",
      "b c.png",
    ]);
    await expect(imagesFromStream(Readable.from([]))).rejects.toThrow(/standard input is empty/);
    await expect(imagesFromStream(Readable.from([Buffer.from([1, 0, 2, 3])]))).rejects.toThrow(/standard input: /);
  });

  test("probabilities add up after softmax, stand alone after sigmoid, and never overflow", () => {
    const logits = Float32Array.of(1000, 999, -1000);
    expect(topClasses(logits, 2, "softmax", ["a", "b", "c"])).toEqual([
      { class: 0, name: "a", probability: expect.closeTo(1 / (1 + Math.exp(-1)), 6) },
      { class: 1, name: "b", probability: expect.closeTo(1 / (1 + Math.exp(1)), 6) },
    ]);
    expect(topClasses(Float32Array.of(0, 2), 5, "sigmoid", undefined)).toEqual([
      { class: 1, name: undefined, probability: expect.closeTo(1 / (1 + Math.exp(-2)), 6) },
      { class: 0, name: undefined, probability: 0.5 },
    ]);
  });
});

describe("converted weights", () => {
  test.each(["fovea", "timm"])("of layout %s name the same classes, and tell what they are", async (layout) => {
    const file = join(root, `${layout}.safetensors`);
    const written = await fovea("convert", run, file, "--layout", layout, "--json");
    // timm has no place for the average of learned positions without a class token but as `fc_norm`: see its table
    expect(written.status, written.stderr).toBe(0);
    expect(JSON.parse(written.stdout)).toMatchObject({ output: file, layout });
    const expected = await predicted(run, photos, "--top", "4");
    const found = await predicted(file, photos, "--top", "4");
    for (const [i, { image, guesses }] of found.predictions.entries()) {
      expect(image).toBe(expected.predictions[i]!.image);
      expect(guesses).toEqual(
        expected.predictions[i]!.guesses.map((guess) => ({
          ...guess,
          probability: expect.closeTo(guess.probability, 5),
        })),
      );
    }
    const { status, stdout } = await fovea("inspect", file, "--json");
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      layout,
      config: { family: "vit", width: 16, depth: 1, heads: 2, classes: 4 },
      image: { height: 16, width: 16, channels: 3 },
      metadata: { preprocessing: "decode_resize(16)|value_range(-1,1)" },
    });
  });

  test("of another image size and head", async () => {
    const file = join(root, "larger.safetensors");
    await fovea("convert", run, join(root, "own.safetensors"));
    const { status, stderr } = await fovea(
      ...["convert", join(root, "own.safetensors"), file, "--image-size", "32,24", "--classes", "7"],
    );
    expect(status, stderr).toBe(0);
    expect(stderr).toMatch(/position embedding resized from 2 x 2 to 4 x 3 patches/);
    expect(stderr).toMatch(/the head of 4 classes is replaced by a zero-initialised one for 7 classes/);
    const { predictions } = await predicted(file, photos, "--top", "7");
    for (const { guesses } of predictions) {
      expect(guesses.map(({ probability }) => probability)).toEqual(new Array(7).fill(expect.closeTo(1 / 7, 6)));
    }
  });

  test("what cannot be written or read", async () => {
    const there = join(root, "there.safetensors");
    writeFileSync(there, "mine");
    const refused = await fovea("convert", run, there);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toMatch(
      /there\.safetensors exists already; choose another name, or replace it with --overwrite/,
    );
    expect(readFileSync(there, "utf8")).toBe("mine");
    expect((await fovea("convert", run, join(root, "x.pt"))).stderr).toMatch(
      /OUTPUT: expected a \.safetensors or \.npz file, given/,
    );
    expect((await fovea("convert", run, join(root, "x.npz"), "--layout", "tim")).stderr).toMatch(/did you mean "timm"/);
    expect((await fovea("inspect", there)).stderr).toMatch(/there\.safetensors/);
  });
});

describe("exported networks", () => {
  test("an ONNX file gives the logits of the network, from floats and from pixels", async () => {
    const source = await imageFiles([photos]);
    const model = await open(run, { output: "logits" });
    const expected = await imageRows(model.run, source, { ...model, workers: 0 });
    await model.close();
    const pixels = new Float32Array(3 * 16 * 16 * 3);
    const bytes = new Uint8Array(pixels.length);
    for (let i = 0; i < 3; i++) {
      const { image } = await source.get(i);
      // what decode_resize(16) gives, interleaved
      const raw = await decodeResize(image, "", 16, 16);
      for (const [at, value] of raw.data.entries()) {
        bytes[i * 768 + at] = value;
        pixels[i * 768 + (at % 3) * 256 + Math.floor(at / 3)] = (value / 255) * 2 - 1;
      }
    }
    for (const [input, data] of [
      ["pixel_values", new Tensor("float32", pixels, [3, 3, 16, 16])],
      ["uint8", new Tensor("uint8", bytes, [3, 16, 16, 3])],
    ] as const) {
      const file = join(root, "exported", `${input}.onnx`);
      const { status, stderr } = await fovea("export", run, file, "--input", input, "--operators", "plain");
      expect(status, stderr).toBe(0);
      const session = await InferenceSession.create(file);
      const found = await session.run({ [session.inputNames[0]!]: data });
      await session.release();
      expect(found["logits"]!.dims).toEqual([3, 4]);
      for (const [i, value] of (found["logits"]!.data as Float32Array).entries()) {
        expect(value).toBeCloseTo(expected.features.data[i]!, 4);
      }
    }
    expect(readdirSync(join(root, "exported")).sort()).toEqual(["pixel_values.onnx", "uint8.onnx"]);
  });

  test("a folder holds what transformers.js expects; int8 weights may look at images first", async () => {
    const folder = join(root, "hub");
    const { status, stdout, stderr } = await fovea(
      ...["export", run, folder, "--weights", "float32,int8", "--calibration", photos, "--json"],
    );
    expect(status, stderr).toBe(0);
    const expected = ["README.md", "config.json", "model.safetensors", "onnx/model.onnx", "onnx/model_quantized.onnx"];
    expect(JSON.parse(stdout).files).toEqual([...expected, "preprocessor_config.json"]);
    expect(readdirSync(folder).sort()).toEqual([
      ...["README.md", "config.json", "model.safetensors", "onnx", "preprocessor_config.json"],
    ]);
    expect(await predicted(folder, photos)).toMatchObject({ predictions: [{}, {}, {}] });
  });

  test("what cannot be exported", async () => {
    const file = join(root, "model.onnx");
    const says = async (...words: string[]) => (await fovea("export", run, ...words)).stderr;
    expect(await says(file, "--weights", "int4")).toMatch(
      /--weights: expected float32, float16 or int8, separated by commas, given "int4"; did you mean "int8"\?/,
    );
    expect(await says(file, "--weights", "int8,float16")).toMatch(/a file holds one of int8, float16/);
    expect(await says(root)).toMatch(/holds something else than an export/);
    expect(await says(join(root, "web"), "--input", "uint8")).toMatch(/are for an \.onnx file/);
    expect(existsSync(file)).toBe(false);
  });
});
