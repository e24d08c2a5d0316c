/** Descriptions of the hub's models, as they are published, and networks of folders with them. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeSafetensors } from "../../src/formats/safetensors.js";
import type { ModelConfig } from "../../src/models/index.js";
import { describeHuggingFace, readPreprocessor } from "../../src/weights/descriptions/huggingface.js";
import { loadWeights, resizePositions, type Weights } from "../../src/weights/index.js";
import { plainViT } from "../support/plain-vit.js";
import * as models from "../support/seeded-models.js";
import { relativeError, uniform } from "../support/vit-cases.js";
import { successorCases } from "./successor-cases.js";
import { theirTensors } from "./tables.js";

const imageNet = { image_mean: [0.485, 0.456, 0.406], image_std: [0.229, 0.224, 0.225] };
/** (0 - mean) / std and (1 - mean) / std of ImageNet, seven digits. */
const imageNetRange = "value_range((-2.117904,-2.035714,-1.804444),(2.248908,2.428571,2.64))";

describe("preprocessor_config.json", () => {
  test.each<[string, Record<string, unknown>, string, readonly [number, number]]>([
    [
      "DINOv2: shortest edge, crop, bicubic",
      { size: { shortest_edge: 256 }, crop_size: { height: 224, width: 224 }, resample: 3, ...imageNet },
      `decode|resize_small(256,method=bicubic,antialias=true,rounding=floor)|central_crop(224)|${imageNetRange}`,
      [224, 224],
    ],
    [
      "CLIP, the old form: numbers",
      { size: 224, crop_size: 224, do_center_crop: true, resample: 3, image_mean: [0.5], image_std: [0.5] },
      "decode|resize_small(224,method=bicubic,antialias=true,rounding=floor)|central_crop(224)|value_range(-1,1)",
      [224, 224],
    ],
    [
      "SigLIP: height and width, bicubic",
      { size: { height: 256, width: 256 }, resample: 3, image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] },
      "decode|resize(256,method=bicubic,antialias=true)|value_range(-1,1)",
      [256, 256],
    ],
    [
      "DINOv3: height and width, bilinear",
      { size: { height: 224, width: 224 }, resample: 2, ...imageNet },
      `decode_resize(224,fit=fill)|${imageNetRange}`,
      [224, 224],
    ],
    [
      "MobileCLIP: no normalisation",
      { size: { shortest_edge: 256 }, crop_size: { height: 256, width: 256 }, resample: 2, do_normalize: false },
      "decode|resize_small(256,method=bilinear,antialias=true,rounding=floor)|central_crop(256)|value_range(0,1)",
      [256, 256],
    ],
    [
      "pixels of 0 to 255",
      { size: { height: 32, width: 32 }, do_normalize: false, do_rescale: false },
      "decode_resize(32,fit=fill)|value_range(0,255)",
      [32, 32],
    ],
    [
      "a factor of its own, before normalisation",
      { size: { height: 32, width: 32 }, rescale_factor: 1 / 127.5, image_mean: [1], image_std: [1] },
      "decode_resize(32,fit=fill)|value_range(-1,1)",
      [32, 32],
    ],
    [
      "a crop smaller than an exact size",
      { size: { height: 40, width: 40 }, crop_size: { height: 32, width: 32 }, do_center_crop: true },
      "decode|resize(40,method=bilinear,antialias=true)|central_crop(32)|value_range(-1,1)",
      [32, 32],
    ],
    [
      "no crop, although a size of it is stated",
      { size: { height: 40, width: 40 }, crop_size: { height: 32, width: 32 }, do_center_crop: false },
      "decode_resize(40,fit=fill)|value_range(-1,1)",
      [40, 40],
    ],
  ])("%s", (_name, preprocessor, expected, [height, width]) => {
    expect(readPreprocessor(preprocessor, undefined)).toEqual({
      preprocessing: expected,
      size: { height, width },
      notes: [],
    });
  });

  test("an unknown filter is reported, blue first is refused, a size that nobody states is not guessed", () => {
    const lanczos = readPreprocessor({ size: { height: 8, width: 8 }, resample: 1 }, undefined);
    expect(lanczos?.notes.join()).toMatch(/Pillow's filter 1; bicubic is used/);
    expect(() => readPreprocessor({ do_flip_channel_order: true }, undefined)).toThrow(/blue first/);
    expect(readPreprocessor({ image_mean: [0.5] }, undefined)).toBeUndefined();
    expect(readPreprocessor(undefined, { height: 9, width: 7 })?.preprocessing).toBe(
      "decode_resize(9,7,fit=fill)|value_range(-1,1)",
    );
  });
});

describe("config.json", () => {
  const of = (config: Record<string, unknown>) => describeHuggingFace(config, undefined).hints;

  test("a vision tower's settings stand inside, and transformers' defaults hold where they do not", () => {
    expect(
      of({ model_type: "siglip", vision_config: { image_size: 384, hidden_size: 1152, num_attention_heads: 16 } }),
    ).toEqual({
      image: { height: 384, width: 384 },
      heads: 16,
      config: { gelu: "tanh", layerNormEpsilon: 1e-6 },
    });
    expect(of({ model_type: "clip", vision_config: { patch_size: 16 } })).toEqual({
      image: { height: 224, width: 224 },
      heads: 12,
      config: { gelu: "quick", layerNormEpsilon: 1e-5 },
    });
  });

  test("a gated MLP's activation is no GELU; DINOv3's base of the frequencies is read", () => {
    const gated = { model_type: "dinov3_vit", use_gated_mlp: true, hidden_act: "silu", num_attention_heads: 6 };
    expect(of({ ...gated, rope_theta: 50 }).config).toEqual({
      layerNormEpsilon: 1e-5,
      rotary: { kind: "centred", base: 50 },
    });
    expect(() => of({ model_type: "dinov3_vit", hidden_act: "silu" })).toThrow(/unsupported hidden_act "silu"/);
  });
});

describe("folders", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "fovea-hf-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  async function make(name: string, config: object, preprocessor: object): Promise<string> {
    const path = join(folder, name.replace(/\W/g, "-"));
    mkdirSync(path);
    writeFileSync(join(path, "config.json"), JSON.stringify(config));
    writeFileSync(join(path, "preprocessor_config.json"), JSON.stringify(preprocessor));
    const { table, config: network } = successorCases[name]!;
    await writeSafetensors(join(path, "model.safetensors"), theirTensors(table, models.weightsOf(network)));
    return path;
  }

  // The features of the float64 network with positions resized as the code of the weights does it.
  function expected(weights: Weights, side: number, positions: ReadonlyMap<string, Float32Array>): Float64Array {
    const parameters = Object.fromEntries(
      [...weights.tensors].map(([name, { data }]) => [name, Float64Array.from(positions.get(name) ?? data)]),
    );
    const shape = [2, side, side, 3] as const;
    const images = uniform(2 * side * side * 3, "image");
    const { config } = weights;
    if (config.family !== "vit") throw new Error("expected a Vision Transformer");
    return plainViT(parameters, images, shape, config)["preLogits"]!;
  }

  test.each([
    ["Hugging Face, DINOv2 with registers", "dinov2_with_registers", "timm"],
    ["Hugging Face, SigLIP", "siglip_vision_model", "huggingface"],
  ] as const)("%s is used at the size of its preprocessing", async (name, type, method) => {
    const path = await make(
      name,
      {
        model_type: type,
        num_attention_heads: 2,
        image_size: 8,
        hidden_act: type.startsWith("siglip") ? "gelu_pytorch_tanh" : "gelu",
      },
      { size: { shortest_edge: 14 }, crop_size: { height: 12, width: 12 }, resample: 3, ...imageNet },
    );
    const loaded = await loadWeights(path);
    expect(loaded.image).toEqual({ height: 12, width: 12, channels: 3 });
    expect(loaded.metadata.preprocessing).toBe(
      `decode|resize_small(14,method=bicubic,antialias=true,rounding=floor)|central_crop(12)|${imageNetRange}`,
    );
    const stored = models.weightsOf({
      ...successorCases[name]!.config,
      ...successorCases[name]!.numerics,
    } as ModelConfig);
    const [table, positions] = [...stored.tensors].find(([key]) => key.endsWith("pos_embedding"))!;
    const [from, to] = [
      { rows: 2, columns: 2 },
      { rows: 3, columns: 3 },
    ];
    const resized = resizePositions(positions.data, positions.shape[1]!, from, to, method);
    const answers = expected(stored, 12, new Map([[table, resized]]));
    expect(relativeError(await models.forward(loaded), answers)).toBeLessThan(1e-5);
    // another size that the caller asks for is derived from the preprocessing's
    const larger = await loadWeights(path, { image: 24 });
    expect(larger.metadata.preprocessing).toMatch(/resize_small\(28,.*central_crop\(24\)/);
  });

  test("a text tower, a mask token and a classifier of several inputs are left out with a note", async () => {
    const path = join(folder, "beside");
    mkdirSync(path);
    const one = { dtype: "float32" as const, shape: [1], data: new Float32Array(1) };
    const { table, config } = successorCases["Hugging Face, CLIP"]!;
    const tensors = theirTensors(table, models.weightsOf(config));
    for (const extra of ["text_model.embeddings.token_embedding.weight", "logit_scale", "text_projection.weight"])
      tensors.set(extra, one);
    await writeSafetensors(join(path, "model.safetensors"), tensors);
    const clip = { model_type: "clip", vision_config: { num_attention_heads: 2 } };
    writeFileSync(join(path, "config.json"), JSON.stringify(clip));
    const loaded = await loadWeights(path);
    expect(loaded.notes.join()).toMatch(/its text tower is ignored/);
    expect(loaded.config).toMatchObject({ gelu: "quick", projection: 6 });
    const dino = successorCases["Hugging Face, DINOv2 with SwiGLU"]!;
    const more = theirTensors(dino.table, models.weightsOf(dino.config));
    for (const extra of ["embeddings.mask_token", "classifier.weight", "classifier.bias"]) more.set(extra, one);
    const bare = join(folder, "dino.safetensors");
    await writeSafetensors(bare, more);
    const features = await loadWeights(bare, { config: { heads: 2 } });
    expect(features.notes.join()).toMatch(/its classifier, which reads the class token and the mean/);
  });
});
