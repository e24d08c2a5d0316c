/** Networks of a stand-in for the hub, one of each family in its true file layout, each opened and used by its name. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openSource } from "../../src/data/index.js";
import { exportOnnx } from "../../src/export/index.js";
import { encodeSafetensors } from "../../src/formats/safetensors.js";
import { input, reduceMean, writeOnnx } from "../../src/graph/index.js";
import type { ModelConfig } from "../../src/models/index.js";
import { imageFeatures, open } from "../../src/networks/index.js";
import { fovea } from "../support/command-line.js";
import { type HubFiles, serveHub } from "../support/hub-server.js";
import { plainViT } from "../support/plain-vit.js";
import * as models from "../support/seeded-models.js";
import { imageFolder } from "../support/trained-run.js";
import { relativeError } from "../support/vit-cases.js";
import { successorCases } from "../weights/successor-cases.js";
import { theirTensors } from "../weights/tables.js";

const imageNet = { image_mean: [0.485, 0.456, 0.406], image_std: [0.229, 0.224, 0.225] };
const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const root = mkdtempSync(join(tmpdir(), "fovea-hub-networks-"));
const photos = join(root, "photos");
const environment = { ...process.env };
let server: Awaited<ReturnType<typeof serveHub>>;

/** The model types of the hub, and the case that has their tensors. */
const families: Readonly<Record<string, readonly [name: string, type: string, more?: object]>> = {
  dinov2: ["Hugging Face, DINOv2 with registers", "dinov2_with_registers"],
  dinov3: ["Hugging Face, DINOv3", "dinov3_vit"],
  "dinov3-plus": ["Hugging Face, DINOv3 with SwiGLU", "dinov3_vit", { use_gated_mlp: true, hidden_act: "silu" }],
  siglip: ["Hugging Face, SigLIP", "siglip_vision_model", { hidden_act: "gelu_pytorch_tanh" }],
  clip: ["Hugging Face, CLIP", "clip_vision_model", { hidden_act: "quick_gelu" }],
};

const preprocessor = { size: { shortest_edge: 9 }, crop_size: { height: 8, width: 8 }, resample: 3, ...imageNet };

const networkOf = (name: string): ModelConfig => {
  const one = successorCases[name];
  if (!one) throw new Error(`no case ${name}`);
  return { ...one.config, ...one.numerics } as ModelConfig;
};

const filesOf = ([name, type, more]: (typeof families)[string]): HubFiles => ({
  "config.json": json({ model_type: type, num_attention_heads: 2, image_size: 8, ...more }),
  "preprocessor_config.json": json(preprocessor),
  "model.safetensors": Buffer.concat(
    encodeSafetensors(theirTensors(successorCases[name]!.table, models.weightsOf(networkOf(name)))),
  ),
});

/** A network of tokens as transformers.js stores it. */
async function tokensFile(): Promise<Uint8Array> {
  const weights = models.weightsOf(networkOf("Hugging Face, DINOv2 with registers"));
  const { bytes } = await exportOnnx({ ...weights, metadata: {} }, { outputs: { tokens: "last_hidden_state" } });
  return bytes;
}
let tokens: Uint8Array;

beforeAll(async () => {
  await imageFolder(photos, { apple: 5, leaf: 5 });
  tokens = await tokensFile();
  const image = input("pixel_values", "float32", [2, 3, 8, 8]);
  const map = { "onnx/model.onnx": writeOnnx({ features: reduceMean(image, [1], true) }, [image]).bytes };
  const files = new Map<string, HubFiles>(
    Object.entries(families).map(([name, family]) => [`some/${name}`, filesOf(family)]),
  );
  const config = json({ model_type: "dinov2" });
  files.set("some/tokens", {
    "config.json": config,
    "preprocessor_config.json": json(preprocessor),
    "onnx/model.onnx": tokens,
    "onnx/model_fp16.onnx": tokens,
  });
  // weights in a layout that is not known, beside an ONNX file
  files.set("some/swin", {
    "config.json": json({ model_type: "swin" }),
    "preprocessor_config.json": json(preprocessor),
    "model.safetensors": Buffer.concat(encodeSafetensors(new Map())),
    "onnx/model.onnx": tokens,
  });
  files.set("some/silent", { "config.json": config, "onnx/model.onnx": tokens });
  files.set("some/map", map);
  server = await serveHub({ filesOf: (name) => files.get(name) });
  process.env["HF_ENDPOINT"] = server.endpoint;
  process.env["FOVEA_CACHE"] = join(root, "cache");
});
afterAll(() => {
  server.close();
  process.env = environment;
  rmSync(root, { recursive: true });
});

async function featuresOf(spec: string) {
  await using network = await open(spec, { threads: 1 });
  await using source = await openSource(photos);
  const { features } = await imageFeatures(network, source, { workers: 0 });
  return { network, features };
}

/** The pixels of the photos as the network sees them, [N, 8, 8, 3]. */
async function pixelsOf(preprocessing: string): Promise<Float32Array> {
  const { createLoader } = await import("../../src/data/index.js");
  const loader = createLoader(photos, { batchSize: 10, preprocessing, evaluation: true, workers: 0 });
  const batch = await loader.next();
  await loader.close();
  return batch!.image;
}

const stated = `decode|resize_small(9,method=bicubic,antialias=true,rounding=floor)|central_crop(8)|value_range((-2.117904,-2.035714,-1.804444),(2.248908,2.428571,2.64))`;

describe("weights", () => {
  test.each(Object.keys(families))("of %s give the features of the float64 network", async (name) => {
    const { network, features } = await featuresOf(`hf:some/${name}`);
    expect(network.preprocessing).toBe(stated);
    const config = networkOf(families[name]![0]);
    if (config.family !== "vit") throw new Error("expected a Vision Transformer");
    const { tensors } = models.weightsOf(config);
    const parameters = Object.fromEntries([...tensors].map(([key, { data }]) => [key, Float64Array.from(data)]));
    const expected = plainViT(parameters, await pixelsOf(stated), [10, 8, 8, 3], config)["preLogits"]!;
    expect(relativeError(features.data, expected)).toBeLessThan(1e-5);
  });
});

describe("an ONNX file", () => {
  test("of tokens gives the class token that the model type states, as onnxruntime computes it", async () => {
    const { network, features } = await featuresOf("hf:some/tokens");
    expect(network).toMatchObject({ spec: "hf:some/tokens", width: 8, preprocessing: stated });
    const pixels = await pixelsOf(stated);
    const planes = new Float32Array(pixels.length);
    for (let i = 0; i < 10; i++)
      for (let p = 0; p < 64; p++)
        for (let c = 0; c < 3; c++) planes[(i * 3 + c) * 64 + p] = pixels[(i * 64 + p) * 3 + c]!;
    const session = await InferenceSession.create(tokens);
    const found = await session.run({ pixel_values: new Tensor("float32", planes, [10, 3, 8, 8]) });
    const { data, dims } = found["last_hidden_state"]!;
    expect(dims).toEqual([10, 7, 8]);
    const first = Array.from({ length: 80 }, (_, i) => Number(data[Math.floor(i / 8) * 56 + (i % 8)]));
    expect(relativeError(features.data, first)).toBeLessThan(1e-5);
    await session.release();
    // other tokens, by the same file
    const mean = await featuresOf("hf:some/tokens?token=mean&dtype=fp16");
    const means = Array.from({ length: 80 }, (_, i) => {
      let sum = 0;
      for (let t = 0; t < 7; t++) sum += Number(data[Math.floor(i / 8) * 56 + t * 8 + (i % 8)]) / 7;
      return sum;
    });
    expect(relativeError(mean.features.data, means)).toBeLessThan(1e-5);
    const third = await featuresOf("hf:some/tokens?token=2");
    expect(third.features.data[0]).toBeCloseTo(Number(data[16]), 5);
    expect((await featuresOf("hf:some/tokens?token=all")).network.width).toBe(56);
  });

  test("is used where the layout of the weights is not known, and offline afterwards", async () => {
    const notes: string[] = [];
    const network = await open("hf:some/swin?token=cls", { threads: 1, note: (text) => notes.push(text) });
    expect(network.width).toBe(8);
    await network.close();
    const before = server.requests.length;
    await (await open("hf:some/swin?token=cls", { threads: 1 })).close();
    expect(server.requests.length).toBe(before);
    const cached = readdirSync(join(root, "cache", "hub"));
    expect(cached).toContain("some--swin");
    const auto: string[] = [];
    await expect(open("hf:some/swin", { note: (text) => auto.push(text) })).rejects.toThrow(
      /has a row for each token, and nothing states which one is the feature; add \?token=cls/,
    );
    expect(auto.join()).toMatch(/using the ONNX file of hf:some\/swin: config\.json: unsupported model_type "swin"/);
  });

  test("of which nobody states the scaling is refused, and takes mean and deviation of each channel", async () => {
    await expect(open("hf:some/silent?token=cls")).rejects.toThrow(
      /does not state how its images are scaled.*add \?range=-1,1.*\?mean=.*preprocessor_config\.json/,
    );
    const spec = "hf:some/silent?token=cls&mean=0.485,0.456,0.406&std=0.229,0.224,0.225";
    await using network = await open(`${spec}&size=8`, { threads: 1 });
    expect(network.preprocessing).toBe(
      "decode_resize(8)|value_range((-2.117904,-2.035714,-1.804444),(2.248908,2.428571,2.64))",
    );
    await expect(open(`${spec}&range=0,1`)).rejects.toThrow(/range is given beside mean or std; remove one/);
    await expect(open("hf:some/silent?token=cls&mean=0.5")).rejects.toThrow(/mean and std belong together/);
    await expect(open("hf:some/silent?token=cls&mean=1,2&std=1,2,3")).rejects.toThrow(/2 means and 3 deviations/);
    await expect(open("hf:some/silent?token=last")).rejects.toThrow(/token must be cls \(the first token\), mean, all/);
  });

  test("of a feature map needs a pooling", async () => {
    await expect(open("hf:some/map?range=0,1")).rejects.toThrow(/is a feature map.*add \?pool=mean, \?pool=max/);
    await using mean = await open("hf:some/map?range=0,1&pool=mean", { threads: 1 });
    expect(mean).toMatchObject({ width: 1, batchSize: 2 });
    await expect(open("hf:some/map?range=0,1&token=cls")).rejects.toThrow(/has no tokens.*remove token/);
    await expect(open("hf:some/map?dtype=int8")).rejects.toThrow(
      /no ONNX file.*int8 numbers.*it has onnx\/model\.onnx/,
    );
    await expect(open("hf:some/none")).rejects.toThrow(/no such model, or you have no access.*HF_TOKEN/);
  });
});

test("a short name that is almost right is suggested, and one that is right is looked for at the hub", async () => {
  await expect(open("dinov2-smal")).rejects.toThrow(/there is no "dinov2-smal".*did you mean "dinov2-small"/);
  await expect(open("dinov2-small")).rejects.toThrow(/hf:facebook\/dinov2-small: the hub has no such model/);
  await expect(open("siglip2-base?dtype=q4")).rejects.toThrow(/gives dtype twice/);
});

describe("by one line each", () => {
  test.each(["hf:some/dinov3", "hf:some/tokens"])(
    "fit, predict, fewshot, embed and export take %s",
    async (spec) => {
      const folder = join(root, spec.replace(/\W/g, "-"));
      await fovea("fit", photos, "--backbone", spec, "--folds", "2", "--output", folder);
      expect(existsSync(join(folder, "onnx", "model.onnx"))).toBe(true);
      const predicted = await fovea("predict", folder, photos, "--json");
      const file = await fovea("predict", join(folder, "onnx", "model.onnx"), photos, "--json");
      const guesses = (text: string) =>
        (JSON.parse(text) as { predictions: { guesses: { class: number; probability: number }[] }[] }).predictions.map(
          ({ guesses: [first] }) => first!,
        );
      for (const [i, { class: guess, probability }] of guesses(predicted.stdout).entries()) {
        expect(guesses(file.stdout)[i]).toMatchObject({ class: guess });
        expect(guesses(file.stdout)[i]!.probability).toBeCloseTo(probability, 4);
      }
      for (const words of [
        ["fewshot", spec, photos, "--shots", "1"],
        ["embed", spec, photos, "--output", `${folder}.npz`],
      ]) {
        const { status, stderr } = await fovea(...words);
        expect(status, stderr).toBe(0);
      }
      if (spec === "hf:some/dinov3") expect((await fovea("export", spec, `${folder}.onnx`)).status).toBe(0);
    },
    180_000,
  );
});
