/** Folders of Hugging Face and timm: their descriptions come along, their files may be several, and none leads outside. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeNpz } from "../../src/formats/npz.js";
import { writeSafetensors } from "../../src/formats/safetensors.js";
import { describePreprocessing, preprocessImage, preprocessing, rawImage } from "../../src/images/index.js";
import { loadWeights } from "../../src/weights/index.js";
import * as models from "../support/seeded-models.js";
import * as tables from "./tables.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fovea-folders-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const vit = models.weightsOf(models.vit);

describe("folders", () => {
  const config = {
    model_type: "vit",
    hidden_act: "gelu_new",
    layer_norm_eps: 1e-5,
    num_attention_heads: 2,
    image_size: 8,
    id2label: { 0: "ant", 1: "bee", 2: "cat", 3: "dog", 4: "elk" },
    license: "apache-2.0",
  };
  const preprocessor = { size: { height: 8, width: 8 }, image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] };
  const make = (name: string, files: Record<string, object>) => {
    const path = join(folder, name);
    mkdirSync(path, { recursive: true });
    for (const [file, value] of Object.entries(files)) writeFileSync(join(path, file), JSON.stringify(value));
    return path;
  };
  const hf = () => tables.theirTensors(tables.huggingFaceTable(), vit);

  test("Hugging Face: settings, preprocessing, class names and licence come along", async () => {
    const path = make("hf", { "config.json": config, "preprocessor_config.json": preprocessor });
    await writeSafetensors(join(path, "model.safetensors"), hf());
    for (const name of [path, join(path, "model.safetensors")]) {
      const loaded = await loadWeights(name);
      expect(loaded.config).toMatchObject({ gelu: "tanh", layerNormEpsilon: 1e-5, heads: 2 });
      expect(loaded.metadata).toEqual({
        preprocessing: "decode_resize(8,fit=fill)|value_range(-1,1)",
        classNames: ["ant", "bee", "cat", "dog", "elk"],
        licence: "apache-2.0",
      });
      expect(describePreprocessing(preprocessing(loaded.metadata.preprocessing!))).toBe(loaded.metadata.preprocessing);
    }
  });

  test("class names that are not as many as the classes are told and left out", async () => {
    const path = make("names", { "config.json": { ...config, id2label: { 0: "a", 1: "b" } } });
    await writeSafetensors(join(path, "model.safetensors"), hf());
    const loaded = await loadWeights(path);
    expect(loaded.metadata.classNames).toBeUndefined();
    expect(loaded.notes.join()).toMatch(/2 class names came with weights of 5 classes/);
  });

  test("timm: size, preprocessing and source", async () => {
    const pretrained_cfg = {
      tag: "augreg_in21k",
      input_size: [3, 8, 8],
      crop_pct: 0.8,
      interpolation: "bicubic",
      mean: [0.5, 0.5, 0.5],
      std: [0.5, 0.5, 0.5],
      license: "apache-2.0",
    };
    const path = make("timm", { "config.json": { architecture: "vit_tiny_test", num_classes: 5, pretrained_cfg } });
    await writeSafetensors(join(path, "model.safetensors"), tables.theirTensors(tables.timmViTTable(), vit));
    const loaded = await loadWeights(path, { config: { heads: 2 } });
    expect(loaded.metadata).toEqual({
      preprocessing:
        "decode|resize_small(10,method=bicubic,antialias=true,rounding=floor)|central_crop(8,rounding=even)|value_range(-1,1)",
      licence: "apache-2.0",
      source: "timm/vit_tiny_test.augreg_in21k",
    });
    expect(describePreprocessing(preprocessing(loaded.metadata.preprocessing!))).toBe(loaded.metadata.preprocessing);
    expect(loaded.notes.join()).not.toMatch(/bicubic/);
    const smaller = await loadWeights(path, { config: { heads: 2 }, image: 4 });
    expect(smaller.metadata.preprocessing).toBe(
      "decode|resize_small(5,method=bicubic,antialias=true,rounding=floor)|central_crop(4,rounding=even)|value_range(-1,1)",
    );
  });

  test("scaling that differs by channel, and the bicubic method", async () => {
    const image_std = [0.229, 0.224, 0.225];
    const path = make("imagenet", {
      "config.json": config,
      "preprocessor_config.json": { ...preprocessor, image_mean: [0.485, 0.456, 0.406], image_std, resample: 3 },
    });
    await writeSafetensors(join(path, "model.safetensors"), hf());
    const { preprocessing: text } = (await loadWeights(path)).metadata;
    expect(text).toMatch(/^decode\|resize\(8,method=bicubic,antialias=true\)\|value_range\(\(-2\.117904,/);
    const pixels = rawImage(new Uint8Array(8 * 8 * 3).fill(102), 8, 8, 3);
    const { data } = await preprocessImage(text!, pixels);
    for (const [c, mean] of [0.485, 0.456, 0.406].entries()) {
      expect(data[3 * 17 + c]).toBeCloseTo((0.4 - mean) / image_std[c]!, 6);
    }
  });

  test("scaling that scales nothing is told", async () => {
    const path = make("no-scaling", {
      "config.json": config,
      "preprocessor_config.json": { ...preprocessor, image_mean: [0.485, 0.456], image_std: [0.2, 0.2, 0.2] },
    });
    await writeSafetensors(join(path, "model.safetensors"), hf());
    const loaded = await loadWeights(path);
    expect(loaded.metadata.preprocessing).toBeUndefined();
    expect(loaded.notes.join()).toMatch(/a mean of 0.485, 0.456 and a deviation of/);
  });

  test("a model cut into several files", async () => {
    const tensors = [...hf()];
    const half = Math.floor(tensors.length / 2);
    const weight_map = Object.fromEntries(tensors.map(([name], i) => [name, `part-${i < half ? 1 : 2}.safetensors`]));
    const path = make("shards", { "config.json": config, "model.safetensors.index.json": { weight_map } });
    await writeSafetensors(join(path, "part-1.safetensors"), new Map(tensors.slice(0, half)));
    await writeSafetensors(join(path, "part-2.safetensors"), new Map(tensors.slice(half)));
    const loaded = await loadWeights(path);
    expect([...loaded.tensors.get("head/bias")!.data]).toEqual([...vit.tensors.get("head/bias")!.data]);
    await writeSafetensors(join(path, "part-2.safetensors"), new Map(tensors.slice(half - 1)));
    await expect(loadWeights(path)).rejects.toThrow(/both part-1\.safetensors and part-2\.safetensors hold/);
  });

  test.each(["../out.safetensors", "/etc/passwd", "a/../../b", "..", "c:\\x", ""])(
    "an index that leads to %j",
    async (name) => {
      const path = make("out", { "model.safetensors.index.json": { weight_map: { a: name } } });
      await expect(loadWeights(path)).rejects.toThrow(/leads out of/);
    },
  );

  test.each<[string, Record<string, object | string>, RegExp]>([
    ["empty", {}, /holds no \.safetensors or \.npz file$/],
    ["pickles", { "pytorch_model.bin": {} }, /only pytorch_model\.bin, which are not supported: convert them/],
    ["two", { "a.npz": {}, "b.safetensors": {} }, /2 files of weights \(a\.npz, b\.safetensors\); name one/],
    ["another", { "config.json": { model_type: "swin" }, "model.safetensors": {} }, /unsupported model_type "swin"/],
  ])("%s", async (name, files, message) => {
    await expect(loadWeights(make(`bad-${name}`, files as Record<string, object>))).rejects.toThrow(message);
  });

  test("nothing of that name", async () => {
    await writeNpz(join(folder, "here.npz"), hf());
    await expect(loadWeights(join(folder, "hare.npz"))).rejects.toThrow(
      /no such file or folder; did you mean "here\.npz"\?/,
    );
    await expect(loadWeights("weights/of-mine.npz")).rejects.toThrow(/no such file or folder/);
    await expect(loadWeights("what is this")).rejects.toThrow(/hf:OWNER\/NAME, or augreg:NAME/);
  });
});
