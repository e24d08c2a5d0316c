/** `loadWeights`: other images, other classes, descriptions, and one clear error for whatever does not fit. */
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WeightsError } from "../../src/formats/error.js";
import { writeNpz } from "../../src/formats/npz.js";
import { writeSafetensors } from "../../src/formats/safetensors.js";
import type { StoredTensor } from "../../src/formats/stored.js";
import { fromFloat16, toFloat16 } from "../../src/graph/index.js";
import type { ModelConfig } from "../../src/models/index.js";
import { inspectWeights, loadWeights, resizePositions, saveWeights, withClasses } from "../../src/weights/index.js";
import * as models from "../support/seeded-models.js";
import * as tables from "./tables.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fovea-load-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const vit = models.weightsOf(models.vit);
const position = "Transformer/posembed_input/pos_embedding";
const augreg = () => tables.theirTensors(tables.augRegTable([1, 3, 2], [4, 4, 3]), vit);

async function npz(tensors: Map<string, StoredTensor>, name = "weights.npz"): Promise<string> {
  const path = join(folder, name);
  await writeNpz(path, tensors);
  return path;
}

describe("images of another size", () => {
  test("positions are resized as the source does, and it is told", async () => {
    const told: string[] = [];
    const loaded = await loadWeights(await npz(augreg()), { image: [12, 20], note: (text) => told.push(text) });
    expect(loaded.image).toEqual({ height: 12, width: 20, channels: 3 });
    const table = vit.tensors.get(position)!;
    const expected = resizePositions(table.data, 5, { rows: 2, columns: 2 }, { rows: 3, columns: 5 }, "original");
    expect(loaded.tensors.get(position)).toEqual({ shape: [1, 16, 8], data: expected });
    const note =
      'position embedding resized from 2 x 2 to 3 x 5 patches with the method "original" (bilinear, corners aligned)';
    expect(told).toEqual([note]);
    expect(loaded.notes).toEqual([note]);
    await models.forward(loaded);
  });

  test.each([
    ["huggingface", tables.huggingFaceTable, "huggingface"],
    ["timm", tables.timmViTTable, "timm"],
  ] as const)("%s has a way of its own", async (_name, table, method) => {
    const path = join(folder, "own.safetensors");
    await writeSafetensors(path, tables.theirTensors(table(), vit));
    const loaded = await loadWeights(path, { image: 16, config: { heads: 2 } });
    const data = resizePositions(
      vit.tensors.get(position)!.data,
      5,
      { rows: 2, columns: 2 },
      { rows: 4, columns: 4 },
      method,
    );
    expect(loaded.tensors.get(position)!.data).toEqual(data);
    const other = await loadWeights(path, { image: 16, config: { heads: 2 }, positionResize: "timm-npz" });
    expect(other.tensors.get(position)!.data).not.toEqual(data);
  });

  test("a size that cuts the same patches resizes nothing", async () => {
    const loaded = await loadWeights(await npz(augreg()), { image: [11, 8] });
    expect(loaded.tensors.get(position)!.data).toEqual(vit.tensors.get(position)!.data);
    expect(loaded.notes).toEqual([]);
  });

  test("learned positions by axis and in every layer", async () => {
    for (const posEmbedding of ["learn", "learn2d"] as const) {
      const config = { ...models.vit, posEmbedding, posEmbeddingLayers: "everyLayer" } as ModelConfig;
      const path = join(folder, "layers.safetensors");
      await saveWeights(path, models.weightsOf(config), "fovea");
      await models.forward(await loadWeights(path, { image: [16, 12] }));
    }
  });

  test("what takes any image, and what takes only its own", async () => {
    const resnet = join(folder, "any.safetensors");
    await saveWeights(resnet, models.weightsOf(models.resnet), "fovea");
    expect((await loadWeights(resnet, { image: 48 })).image).toEqual({ height: 48, width: 48, channels: 3 });
    const mixer = join(folder, "mixer.safetensors");
    await saveWeights(mixer, models.weightsOf(models.mixer), "fovea");
    await expect(loadWeights(mixer, { image: 12 })).rejects.toThrow(
      /a fixed number of patches: one of 2 x 2 can be adapted to K times as many on both sides.*given 3 x 3;/,
    );
    await expect(loadWeights(mixer, { image: [16, 8] })).rejects.toThrow(/given 4 x 2;/);
    await expect(loadWeights(mixer, { image: 4 })).rejects.toThrow(/given 1 x 1;/);
    expect((await loadWeights(mixer, { image: [4, 16] })).image).toMatchObject({ height: 4, width: 16 });
    const relative = join(folder, "relative.safetensors");
    await saveWeights(relative, models.weightsOf({ ...models.vit, posEmbedding: "relative" } as ModelConfig), "fovea");
    await expect(loadWeights(relative, { image: 16 })).rejects.toThrow(
      /relative position embeddings cannot be resized/,
    );
  });

  test("the preprocessing follows the size, or is told and left out", async () => {
    const path = join(folder, "prepared.safetensors");
    const prepared = async (preprocessing: string, image: number | readonly [number, number]) => {
      await saveWeights(path, { ...vit, metadata: { preprocessing } }, "fovea");
      const loaded = await loadWeights(path, { image });
      return loaded.metadata.preprocessing ?? loaded.notes.join("; ");
    };
    expect(await prepared("decode|resize(8)|value_range(-1,1)", 12)).toBe("decode|resize(12)|value_range(-1,1)");
    const cropped = "decode|resize_small(10)|central_crop(8)|value_range(0,1)|to_rgb";
    expect(await prepared(cropped, 16)).toBe("decode|resize_small(20)|central_crop(16)|value_range(0,1)|to_rgb");
    expect(await prepared("decode_resize(8,fit=fill)", [8, 12])).toBe("decode_resize(8,12,fit=fill)");
    expect(await prepared("decode_resize(8,8,fit=fill)", 8)).toBe("decode_resize(8,8,fit=fill)");
    expect(await prepared("decode|resize(9)|value_range(-1,1)", 12)).toMatch(
      /resize\(9\).* is not for images of 8 x 8/,
    );
    expect(await prepared("decode|inception_crop(8)", 12)).toMatch(/is ignored/);
    expect((await loadWeights(await npz(augreg()), { image: 12 })).metadata).toEqual({
      preprocessing: "decode|resize(12)|value_range(-1,1)",
    });
  });

  test("nonsense is refused", async () => {
    const path = await npz(augreg());
    await expect(loadWeights(path, { image: 0 })).rejects.toThrow(/whole numbers above 0/);
    await expect(loadWeights(path, { image: 2.5 })).rejects.toThrow(/whole numbers above 0/);
    await expect(loadWeights(path, { image: 3 })).rejects.toThrow(/smaller than a patch/);
  });
});

describe("other classes", () => {
  test("a head of zeros takes the old one's place, and the class names go", async () => {
    const path = join(folder, "classes.safetensors");
    const metadata = { classNames: ["a", "b", "c", "d", "e"], licence: "CC0-1.0" };
    await saveWeights(path, { ...vit, metadata }, "fovea");
    const loaded = await loadWeights(path, { classes: 3 });
    expect(loaded.config.classes).toBe(3);
    expect(loaded.tensors.get("head/kernel")).toEqual({ shape: [8, 3], data: new Float32Array(24) });
    expect(loaded.tensors.get("head/bias")).toEqual({ shape: [3], data: new Float32Array(3) });
    expect(loaded.metadata).toEqual({ licence: "CC0-1.0" });
    expect(loaded.notes).toEqual(["the head of 5 classes is replaced by a zero-initialised one for 3 classes"]);
    expect(await models.forward(loaded)).toEqual(new Float32Array(6));
    expect((await loadWeights(path, { classes: 5 })).metadata).toEqual(metadata);
  });

  test("no head at all", async () => {
    const loaded = await loadWeights(await npz(augreg()), { classes: 0 });
    expect(loaded.config.classes).toBe(0);
    expect([...loaded.tensors.keys()].some((name) => name.startsWith("head"))).toBe(false);
    expect(await models.forward(loaded)).toHaveLength(16);
  });

  test("the pre-logits layer goes with its head, as in the ViT paper", async () => {
    const path = join(folder, "prelogits.npz");
    await saveWeights(path, models.weightsOf({ ...models.vit, preLogits: true } as ModelConfig), "augreg");
    const loaded = await loadWeights(path, { classes: 2 });
    expect(loaded.config).toMatchObject({ preLogits: false, classes: 2 });
    expect(loaded.tensors.has("pre_logits/kernel")).toBe(false);
    const features = await loadWeights(path, { classes: 0 });
    expect(features.config).toMatchObject({ preLogits: true });
  });

  test.each([
    ["version 1", { version: 1, weightStandardisation: "flax" }],
    ["version 2", {}],
  ])("of a ResNet, %s", async (_name, changes) => {
    const path = join(folder, "resnet.safetensors");
    await saveWeights(path, models.weightsOf({ ...models.resnet, ...changes } as ModelConfig), "fovea");
    const loaded = await loadWeights(path, { classes: 7 });
    expect(loaded.tensors.get("head/kernel")!.shape).toEqual([64, 7]);
    expect(await models.forward({ ...loaded, image: { height: 16, width: 16, channels: 3 } })).toHaveLength(14);
  });

  test.each([-1, 1.5, Number.NaN])("%d is no number of classes", async (classes) => {
    await expect(loadWeights(await npz(augreg()), { classes })).rejects.toThrow(
      /classes is .*; expected a whole number from 0/,
    );
  });
});

describe("what does not fit is listed whole", () => {
  test("missing, extra and mis-shaped in one error", async () => {
    const tensors = augreg();
    tensors.delete("Transformer/encoderblock_1/LayerNorm_2/bias");
    tensors.delete("head/kernel");
    const spare: StoredTensor = { dtype: "float32", shape: [1], data: new Float32Array(1) };
    tensors.set("adapter/kernel", spare);
    tensors.set("__proto", spare);
    tensors.set("Transformer/encoder_norm/bias", { dtype: "float32", shape: [9], data: new Float32Array(9) });
    tensors.set("cls", { dtype: "int32", shape: [1, 1, 8], data: new Int32Array(8) });
    const error = await loadWeights(await npz(tensors)).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(WeightsError);
    const { message } = error as WeightsError;
    expect(message).toMatch(/weights\.npz: its tensors \(layout "augreg"\) do not match the recognised vit/);
    expect(message).toMatch(/missing \(2\): .*head\/kernel/);
    expect(message).toMatch(/missing .*Transformer\/encoderblock_1\/LayerNorm_2\/bias/);
    expect(message).toMatch(/extra \(2\): adapter\/kernel; __proto/);
    expect(message).toMatch(/mis-shaped \(2\): .*Transformer\/encoder_norm\/bias is \[9\], expected \[8\]/);
    expect(message).toMatch(/cls holds int32, expected float32, float64, float16, bfloat16/);
  });

  test("a block too few is listed, not guessed", async () => {
    const tensors = augreg();
    for (const name of [...tensors.keys()]) if (name.includes("encoderblock_0/")) tensors.delete(name);
    await expect(loadWeights(await npz(tensors))).rejects.toThrow(
      /missing \(16\): Transformer\/encoderblock_0.*extra \(16\)/s,
    );
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])("%d in a tensor names it", async (value) => {
    const tensors = augreg();
    (tensors.get("head/bias")!.data as Float32Array)[3] = value;
    const path = await npz(tensors);
    await expect(loadWeights(path)).rejects.toThrow(
      `"head/bias" contains ${value} at 3 (1 of its 5 numbers are not finite)`,
    );
    const broken = {
      ...vit,
      tensors: new Map(vit.tensors).set("head/bias", { shape: [5], data: new Float32Array(5).fill(value) }),
    };
    await expect(saveWeights(join(folder, "no.npz"), broken, "augreg")).rejects.toThrow(/"head\/bias" contains/);
  });

  test("files in no layout, and files of no tensors", async () => {
    const odd = await npz(new Map([["a", { dtype: "float32", shape: [], data: new Float32Array(1) }]]));
    await expect(loadWeights(odd)).rejects.toThrow(
      /its 1 tensors are in no known layout \(fovea, augreg.*begins with "a"/,
    );
    for (const [start, message] of [
      ["\x93NUMPY\x01\x00", /a single NumPy array/],
      ["\x89HDF\r\n\x1a\n", /an HDF5 file/],
      ["\x80\x02}q\x00X", /a Python pickle/],
      ["", /too few/],
      ["not weights at all", /not a safetensors file/],
    ] as const) {
      const path = join(folder, "odd.bin");
      writeFileSync(path, Buffer.from(start, "latin1"));
      await expect(loadWeights(path)).rejects.toThrow(WeightsError);
      await expect(loadWeights(path)).rejects.toThrow(message);
    }
  });

  test("descriptions that make no network end in time", async () => {
    const path = join(folder, "hostile.safetensors");
    const write = async (config: object) =>
      writeSafetensors(
        path,
        new Map([...vit.tensors].map(([name, t]) => [name, { dtype: "float32", ...t }])),
        new Map([["fovea", JSON.stringify({ config: { ...models.vit, ...config } })]]),
      );
    for (const config of [
      { depth: 1e9 },
      { depth: 100_000 },
      { heads: 1e300 },
      { heads: 3 },
      { width: -8 },
      { patchSize: 0 },
      { patchSize: 1e6 },
      { classes: 1e9 },
      { mlpDim: 0.5 },
      { pooling: "max" },
      { stem: { kind: "resnet", blocks: [1e9], widthFactor: 1, groups: 32 } },
      { stem: { kind: "convolutions", channels: [4], strides: [0], groups: 1 } },
      { stem: null },
      { stem: { kind: "convolutions", channels: [4], strides: [1e-9], groups: 1 } },
      { posEmbedding: "sincos2d", width: 1 << 20 },
      { family: "mixer" },
      { posEmbeddingLayers: 7, depth: "2" },
    ]) {
      await write(config);
      await expect(loadWeights(path), JSON.stringify(config)).rejects.toThrow(WeightsError);
    }
    await writeSafetensors(path, new Map(), new Map([["fovea", "{"]]));
    await expect(loadWeights(path)).rejects.toThrow(/its metadata "fovea" is not JSON/);
  });
});

describe("numbers", () => {
  test("half precision and doubles come as float32", async () => {
    const tensors = augreg();
    const rounded = Float32Array.from(vit.tensors.get("head/bias")!.data, (v) => Math.fround(Math.round(v * 8) / 8));
    const bits = new Uint32Array(rounded.buffer);
    tensors.set("head/bias", { dtype: "bfloat16", shape: [5], data: Uint16Array.from(bits, (b) => b >>> 16) });
    const kernel = tensors.get("head/kernel")!;
    tensors.set("head/kernel", { ...kernel, dtype: "float64", data: Float64Array.from(kernel.data as Float32Array) });
    tensors.set("cls", { dtype: "float16", shape: [1, 1, 8], data: new Uint16Array(8).fill(0xc100) });
    const loaded = await loadWeights(await npz(tensors));
    expect(loaded.tensors.get("head/bias")!.data).toEqual(rounded);
    expect(loaded.tensors.get("head/kernel")!.data).toEqual(kernel.data);
    expect(loaded.tensors.get("cls")!.data).toEqual(new Float32Array(8).fill(-2.5));
  });
});

test("inspecting reads no numbers and counts them all", async () => {
  const path = await npz(augreg());
  const found = await inspectWeights(path);
  expect(found).toMatchObject({ layout: "augreg", format: "npz", config: models.vit, image: { height: 8, width: 8 } });
  expect(found.entries.get("head/kernel")).toMatchObject({ dtype: "float32", shape: [8, 5] });
  expect(found.parameterCount).toBe([...vit.tensors.values()].reduce((sum, { data }) => sum + data.length, 0));
});

describe("saving", () => {
  test("says what a layout cannot", async () => {
    const erf = { ...models.vit, gelu: "erf", layerNormEpsilon: 1e-5 } as ModelConfig;
    const weights = { ...models.weightsOf(erf), metadata: { licence: "CC0-1.0" } };
    const { lost } = await saveWeights(join(folder, "lost.npz"), weights, "augreg");
    expect(lost.join("; ")).toMatch(/erf GELU.*epsilon of 0.00001.*its description \(licence\)/);
    const { lost: timmLost } = await saveWeights(
      join(folder, "lost.safetensors"),
      models.weightsOf(models.vit),
      "timm",
    );
    expect(timmLost).toEqual(['its tanh GELU (pass act_layer="gelu_tanh" to timm)']);
  });

  test.each<[string, Partial<ModelConfig>, "huggingface" | "timm" | "augreg" | "bit", RegExp]>([
    ["pooling by mean", { pooling: "gap" }, "huggingface", /it cannot store pooling "gap"/],
    [
      "a stem",
      { stem: models.hybrid.family === "vit" && models.hybrid.stem } as Partial<ModelConfig>,
      "huggingface",
      /a convolutional stem/,
    ],
    ["pre-logits under a head", { preLogits: true }, "huggingface", /a pre-logits layer under a head/],
    ["relative positions", { posEmbedding: "relative" }, "timm", /cannot store .*rel/],
    [
      "another family",
      {},
      "bit",
      /"bit" cannot store networks of the family vit; expected fovea, augreg, huggingface, openclip, timm/,
    ],
  ])("refuses %s", async (_name, changes, layout, message) => {
    const config = { ...models.vit, ...changes } as ModelConfig;
    const size =
      config.family === "vit" && config.stem.kind === "resnet" ? { height: 32, width: 32, channels: 3 } : undefined;
    const path = join(folder, `refused.${layout === "bit" || layout === "augreg" ? "npz" : "safetensors"}`);
    await expect(saveWeights(path, models.weightsOf(config, size), layout)).rejects.toThrow(message);
  });

  test("keeps which stages a ResNet pools, or refuses it where a layout has no place for that", async () => {
    const config = { ...models.resnet, pooledStages: [1] } as ModelConfig;
    const path = join(folder, "pooled.safetensors");
    await saveWeights(path, models.weightsOf(config), "fovea");
    const loaded = await loadWeights(path);
    expect(loaded.config).toMatchObject({ pooledStages: [1] });
    // a new head reads them all: 64 channels of the second stage, 32 of the first
    expect(withClasses(loaded, 7).tensors.get("head/kernel")!.shape).toEqual([96, 7]);
    for (const [file, layout] of [
      ["pooled.npz", "bit"],
      ["refused.safetensors", "timm"],
    ] as const) {
      await expect(saveWeights(join(folder, file), models.weightsOf(config), layout)).rejects.toThrow(
        /that only pool their last stage/,
      );
    }
  });

  test("the ending of the file is that of the format", async () => {
    await expect(saveWeights(join(folder, "x.npz"), vit, "timm")).rejects.toThrow(/written as \.safetensors/);
  });
});

describe("float16", () => {
  test("every number is the nearest half-precision one, the description stays, and the file is half as large", async () => {
    const [half, whole] = ["half.safetensors", "whole.safetensors"].map((name) => join(folder, name)) as [
      string,
      string,
    ];
    const weights = { ...models.weightsOf(models.resnet), metadata: { licence: "CC0-1.0" } };
    await saveWeights(whole, weights, "fovea");
    expect(await saveWeights(half, weights, "fovea", { dtype: "float16" })).toEqual({ lost: [] });
    const loaded = await loadWeights(half);
    expect(loaded.config).toEqual(weights.config);
    expect(loaded.metadata).toMatchObject({ licence: "CC0-1.0" });
    for (const [name, { data }] of loaded.tensors) {
      const before = weights.tensors.get(name)!.data;
      expect(data).toEqual(Float32Array.from(before, (value) => fromFloat16(toFloat16(value))));
    }
    const header = async (path: string) => [...(await inspectWeights(path)).entries.values()].map(({ dtype }) => dtype);
    expect(new Set(await header(half))).toEqual(new Set(["float16"]));
    const numbers = [...weights.tensors.values()].reduce((total, { data }) => total + data.length, 0);
    expect(statSync(whole).size - statSync(half).size).toBeGreaterThan(1.9 * numbers);
  });

  test("numbers too large for it are refused by name", async () => {
    const weights = models.weightsOf(models.vit);
    const broken = new Map(weights.tensors).set("head/bias", {
      shape: [5],
      data: Float32Array.of(0, 1, -70_000, 0, 0),
    });
    await expect(
      saveWeights(join(folder, "no.safetensors"), { ...weights, tensors: broken }, "fovea", { dtype: "float16" }),
    ).rejects.toThrow(/"head\/bias" contains -70000, too large for float16; store it as float32/);
  });
});
