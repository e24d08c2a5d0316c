/** Exported folders, loaded and run by transformers.js with its own preprocessing. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import {
  AutoModel,
  AutoModelForImageClassification,
  AutoProcessor,
  env,
  pipeline,
  RawImage,
} from "@huggingface/transformers";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openSource } from "../../src/data/index.js";
import { ExportError, pixelPreparation, writeHuggingFaceFolder } from "../../src/export/index.js";
import { readSafetensors } from "../../src/formats/safetensors.js";
import { preprocessImage } from "../../src/images/index.js";
import { loadWeights, type Weights } from "../../src/weights/index.js";
import {
  drawnPixels,
  drawnWeights,
  ownResults,
  relativeDifference,
  scaled,
  tinyMixer,
  tinyResNet,
  tinyViT,
} from "./support.js";

const classNames = ["coat", "dress", "hat", "longsleeve", "outwear", "pants", "shoes"];
const metadata = {
  classNames,
  licence: "Apache-2.0",
  source: "a test",
  preprocessing: "decode|resize(32)|value_range(-1,1)",
};

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "fovea-hub-"));
  env.allowRemoteModels = false;
  env.allowLocalModels = true;
  env.useBrowserCache = false;
  env.localModelPath = root;
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A picture of the network's size: its pixels, and a file that holds them without loss. */
interface Picture {
  readonly file: string;
  readonly pixels: Uint8Array;
}

async function lossless(
  { height, width, channels }: Weights["image"],
  name: string,
  pixels: Uint8Array,
): Promise<Picture> {
  const file = join(root, `${name}-${channels}.png`);
  await sharp(pixels, { raw: { width, height, channels: channels as 1 | 3 } })
    .png()
    .toFile(file);
  return { file, pixels };
}

const picture = ({ image }: Weights, seed: number): Promise<Picture> =>
  lossless(image, `picture-${seed}`, drawnPixels(1, image, seed));

/** Two embedded photographs of each set, of different classes, brought to the network's size by our own resizing. */
async function photographs({ image }: Weights): Promise<Picture[]> {
  const { height, width, channels } = image;
  const pictures: Picture[] = [];
  for (const set of ["clothing", "sign-digits"]) {
    await using source = await openSource(`embedded:${set}`, { split: "test" });
    for (const label of [1, 6]) {
      const example = await source.get(source.labels.indexOf(label));
      const fitted = await preprocessImage(`decode(${channels})|resize(${height},${width})`, example.image);
      if (fitted.kind !== "raw") throw new Error("pixels expected");
      pictures.push(await lossless(image, `${set}-${label}`, fitted.data));
    }
  }
  return pictures;
}

const networks = {
  ViT: drawnWeights(tinyViT({ gelu: "erf", layerNormEpsilon: 1e-12 }), [32, 32, 3], metadata),
  "ViT of big_vision's kind": drawnWeights(tinyViT({ pooling: "map" }), [32, 32, 3], metadata),
  BiT: drawnWeights(tinyResNet(), [32, 32, 3], metadata),
  Mixer: drawnWeights(tinyMixer(), [32, 32, 3], metadata),
  "ViT for grey images": drawnWeights(tinyViT(), [32, 32, 1], metadata),
};

describe.each(Object.entries(networks))("%s", (name, weights) => {
  const id = `export-${Object.keys(networks).indexOf(name)}`;
  beforeAll(async () => {
    await writeHuggingFaceFolder(join(root, id), weights);
  });

  test("transformers.js gives our logits and our first five from drawn pictures and from photographs", async () => {
    const model = await AutoModelForImageClassification.from_pretrained(id, { dtype: "fp32" });
    const processor = await AutoProcessor.from_pretrained(id);
    const classify = await pipeline("image-classification", id, { dtype: "fp32" });
    const pictures = [await picture(weights, 1), await picture(weights, 2), ...(await photographs(weights))];
    expect(pictures).toHaveLength(6);
    for (const { file, pixels } of pictures) {
      const own = await ownResults(weights, scaled(pixels));
      const { logits } = await model(await processor(await RawImage.read(file)));
      expect(logits.dims).toEqual([1, 7]);
      const found = logits.data as Float32Array;
      expect(relativeDifference(found, own.logits)).toBeLessThan(1e-4);
      const order = [...own.logits.keys()].sort((a, b) => own.logits[b]! - own.logits[a]!);
      const told = (await classify(file, { top_k: 5 })) as { label: string; score: number }[];
      expect(told.map(({ label }) => label)).toEqual(order.slice(0, 5).map((i) => classNames[i]));
    }
    await model.dispose();
    await classify.dispose();
  });

  test("its safetensors file is read back as the same network", async () => {
    const { config, tensors } = await loadWeights(join(root, id, "model.safetensors"));
    expect(config).toEqual(weights.config);
    for (const [tensor, { data }] of weights.tensors) expect(tensors.get(tensor)!.data).toEqual(data);
  });
});

describe("the folder", () => {
  const weights = networks.ViT;
  test("holds what Hugging Face's hub expects, under its names", async () => {
    const folder = join(root, "contents");
    const { files, layout } = await writeHuggingFaceFolder(folder, weights, { title: "Tiny" });
    expect(files).toEqual([
      "README.md",
      "config.json",
      "model.safetensors",
      "onnx/model.onnx",
      "preprocessor_config.json",
    ]);
    expect(layout).toBe("huggingface");
    const read = (name: string) => JSON.parse(readFileSync(join(folder, name), "utf8"));
    expect(read("config.json")).toMatchObject({
      model_type: "vit",
      architectures: ["ViTForImageClassification"],
      hidden_size: 32,
      num_hidden_layers: 2,
      num_attention_heads: 2,
      intermediate_size: 64,
      hidden_act: "gelu",
      layer_norm_eps: 1e-12,
      patch_size: 8,
      image_size: 32,
      num_channels: 3,
      id2label: { 0: "coat", 6: "shoes" },
      label2id: { coat: 0, shoes: 6 },
      "transformers.js_config": { dtype: "fp32" },
    });
    expect(read("preprocessor_config.json")).toMatchObject({
      image_processor_type: "ViTImageProcessor",
      size: { height: 32, width: 32 },
      resample: 2,
      image_mean: [0.5, 0.5, 0.5],
      image_std: [0.5, 0.5, 0.5],
    });
    const { tensors } = await readSafetensors(join(folder, "model.safetensors"));
    expect(tensors.get("vit.embeddings.patch_embeddings.projection.weight")!.shape).toEqual([32, 3, 8, 8]);
    expect([...tensors.keys()]).toContain("classifier.bias");
    const card = readFileSync(join(folder, "README.md"), "utf8");
    expect(card).toMatch(
      /^---\nlibrary_name: transformers.js\npipeline_tag: image-classification\nlicense: "apache-2.0"\n/,
    );
    expect(card).toContain("# Tiny");
    expect(readdirSync(dirname(folder)).filter((name) => name.startsWith(`${basename(folder)}.`))).toEqual([]);
  });

  test("float16 and 8-bit files stand beside, under the dtypes of transformers.js", async () => {
    await writeHuggingFaceFolder(join(root, "dtypes"), weights, { weights: ["float32", "float16", "int8"] });
    const { pixels, file } = await picture(weights, 4);
    const own = await ownResults(weights, scaled(pixels));
    const processor = await AutoProcessor.from_pretrained("dtypes");
    for (const [dtype, tolerance] of [
      ["fp16", 5e-3],
      ["q8", 0.05],
    ] as const) {
      const model = await AutoModelForImageClassification.from_pretrained("dtypes", { dtype });
      const { logits } = await model(await processor(await RawImage.read(file)));
      expect(relativeDifference(logits.data as Float32Array, own.logits)).toBeLessThan(tolerance);
      await model.dispose();
    }
  });

  test("weights outside the file are found", async () => {
    const { files } = await writeHuggingFaceFolder(join(root, "external"), weights, { externalAbove: 1000 });
    expect(files).toContain("onnx/model.onnx_data");
    const model = await AutoModelForImageClassification.from_pretrained("external");
    const processor = await AutoProcessor.from_pretrained("external");
    const { file, pixels } = await picture(weights, 5);
    const { logits } = await model(await processor(await RawImage.read(file)));
    expect(
      relativeDifference(logits.data as Float32Array, (await ownResults(weights, scaled(pixels))).logits),
    ).toBeLessThan(1e-4);
    await model.dispose();
  });

  test("a network without a head gives its tokens and its representation", async () => {
    const headless = drawnWeights(tinyViT({ classes: 0 }), [32, 32, 3]);
    await writeHuggingFaceFolder(join(root, "headless"), headless);
    const model = await AutoModel.from_pretrained("headless", { dtype: "fp32" });
    const processor = await AutoProcessor.from_pretrained("headless");
    const { file, pixels } = await picture(headless, 6);
    const found = await model(await processor(await RawImage.read(file)));
    expect(found.last_hidden_state.dims).toEqual([1, 17, 32]);
    const own = await ownResults(headless, scaled(pixels));
    expect(relativeDifference(found.pooler_output.data as Float32Array, own.features)).toBeLessThan(1e-4);
    await model.dispose();
  });

  test("an earlier export is replaced, anything else is left alone, and a failure leaves what was there", async () => {
    const folder = join(root, "replaced");
    await writeHuggingFaceFolder(folder, weights);
    writeFileSync(join(folder, "notes.txt"), "mine");
    writeFileSync(join(folder, "onnx", "model_fp16.onnx"), "of an export with other weights");
    const broken = { ...weights, tensors: new Map([...weights.tensors].slice(1)) };
    await expect(writeHuggingFaceFolder(folder, broken)).rejects.toThrow(/missing/);
    expect(existsSync(join(folder, "onnx", "model_fp16.onnx"))).toBe(true);
    await writeHuggingFaceFolder(folder, weights);
    expect(existsSync(join(folder, "onnx", "model_fp16.onnx"))).toBe(false);
    expect(readFileSync(join(folder, "notes.txt"), "utf8")).toBe("mine");
    // A network that is not ours to replace, in the same form.
    writeFileSync(join(folder, "config.json"), JSON.stringify({ model_type: "vit" }));
    await expect(writeHuggingFaceFolder(folder, weights)).rejects.toThrow(/holds something else than an export/);
    const other = join(root, "photos");
    mkdirSync(other);
    writeFileSync(join(other, "mine.jpg"), "");
    await expect(writeHuggingFaceFolder(other, weights)).rejects.toThrow(ExportError);
    expect(existsSync(join(other, "mine.jpg"))).toBe(true);
  });
});

describe("preprocessing in the words of others", () => {
  const image = { height: 224, width: 224 };
  test.each([
    ["decode|resize(224)|value_range(-1,1)", { height: 224, width: 224 }, undefined, 0.5, 0.5],
    [
      "decode|resize_small(256)|central_crop(224)|value_range(0,1)",
      { shortestEdge: 256 },
      { height: 224, width: 224 },
      0,
      1,
    ],
    ['decode_resize(224,fit="fill")|value_range(-2,2)', { height: 224, width: 224 }, undefined, 0.5, 0.25],
    ["decode_resize(224)", { shortestEdge: 224 }, { height: 224, width: 224 }, 0, 1 / 255],
  ])("%s", (text, resize, crop, mean, deviation) => {
    const found = pixelPreparation(text, image);
    expect(found).toMatchObject({ resize, crop, untold: [] });
    expect(found.scaling.mean[0]).toBeCloseTo(mean, 12);
    expect(found.scaling.deviation[0]).toBeCloseTo(deviation, 12);
  });
  test("numbers by channel and the bicubic method", () => {
    const text = "decode|resize(224,method=bicubic,antialias=true)|value_range((-2,-1,0),(2,3,1))";
    const { scaling, kernel } = pixelPreparation(text, image);
    expect(kernel).toBe("bicubic");
    for (const [c, mean] of [0.5, 0.25, 0].entries()) expect(scaling.mean[c]).toBeCloseTo(mean, 12);
    for (const [c, deviation] of [0.25, 0.25, 1].entries()) expect(scaling.deviation[c]).toBeCloseTo(deviation, 12);
  });
  test("none at all is the network's size and -1 to 1", () => {
    expect(pixelPreparation(undefined, image)).toMatchObject({
      resize: image,
      kernel: "bilinear",
      scaling: { mean: [0.5], deviation: [0.5] },
    });
  });
});
