/** Every layout, both ways, against tables written down apart from src/; and the same answers before and after. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readNpz, writeNpz } from "../../src/formats/npz.js";
import { readSafetensors, writeSafetensors } from "../../src/formats/safetensors.js";
import { type ModelConfig, mixerConfig, resnetConfig, resnetStem, vitConfig } from "../../src/models/index.js";
import {
  type LayoutName,
  layoutShapes,
  layouts,
  loadWeights,
  saveWeights,
  type Weights,
} from "../../src/weights/index.js";
import { plainHybrid } from "../support/plain-hybrid.js";
import { plainMixer } from "../support/plain-mixer.js";
import { plainMobileNet } from "../support/plain-mobilenet.js";
import { plainResNet } from "../support/plain-resnet.js";
import { plainViT } from "../support/plain-vit.js";
import * as models from "../support/seeded-models.js";
import { relativeError, uniform } from "../support/vit-cases.js";
import { successorCases } from "./successor-cases.js";
import * as tables from "./tables.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fovea-layouts-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Case {
  readonly config: ModelConfig;
  readonly layout: LayoutName;
  readonly table: tables.Table;
  /** What a bare file of the layout does not tell. */
  readonly told: Readonly<Record<string, unknown>>;
  /** What the layout's own code computes with (papers.md 1.2). */
  readonly numerics: Readonly<Record<string, unknown>>;
  /** The network is written under other names of the same layout. */
  readonly readOnly?: boolean;
}

const flax = { gelu: "tanh", layerNormEpsilon: 1e-6 } as const;
const timm = { gelu: "erf", layerNormEpsilon: 1e-6 } as const;
const stem = models.hybrid.family === "vit" ? models.hybrid.stem : undefined;
const rootStem = models.rootHybrid.family === "vit" ? models.rootHybrid.stem : undefined;
const cases: Record<string, Case> = {
  "AugReg, Vision Transformer": {
    config: models.vit,
    layout: "augreg",
    table: tables.augRegTable([1, 3, 2], [4, 4, 3]),
    told: {},
    numerics: flax,
  },
  "AugReg, hybrid": {
    config: models.hybrid,
    layout: "augreg",
    table: tables.hybridTable(true),
    told: { stem },
    numerics: flax,
  },
  "AugReg, hybrid of a root alone": {
    config: models.rootHybrid,
    layout: "augreg",
    table: tables.hybridTable(false),
    told: { stem: rootStem },
    numerics: flax,
  },
  BiT: { config: models.resnet, layout: "bit", table: tables.bitTable(), told: { groups: 4 }, numerics: {} },
  Mixer: { config: models.mixer, layout: "mixer", table: tables.mixerTable(), told: {}, numerics: flax },
  "Hugging Face": {
    config: models.vit,
    layout: "huggingface",
    table: tables.huggingFaceTable(),
    told: { heads: 2 },
    numerics: { gelu: "erf", layerNormEpsilon: 1e-12 },
  },
  "timm, Vision Transformer": {
    config: models.vit,
    layout: "timm",
    table: tables.timmViTTable(),
    told: { heads: 2 },
    numerics: timm,
  },
  "timm, hybrid": {
    config: models.hybrid,
    layout: "timm",
    table: tables.timmHybridTable(true),
    told: { heads: 2, stem },
    numerics: timm,
  },
  "timm, hybrid of a root alone": {
    config: models.rootHybrid,
    layout: "timm",
    table: tables.timmHybridTable(false),
    told: { heads: 2, stem: rootStem },
    numerics: timm,
  },
  "timm, BiT": {
    config: models.resnet,
    layout: "timm",
    table: tables.timmResNetTable(),
    told: { groups: 4 },
    numerics: {},
  },
  ...successorCases,
  "timm, Mixer": { config: models.mixer, layout: "timm", table: tables.timmMixerTable(), told: {}, numerics: timm },
};

const formatOf = (name: LayoutName, config: ModelConfig) =>
  layouts.find((layout) => layout.name === name && layout.families.includes(config.family))!.format;
const fileOf = (name: string, format: string) => join(folder, `${name.replace(/[^a-z]/gi, "-")}.${format}`);
const plainly = ({ tensors }: Pick<Weights, "tensors">) =>
  Object.fromEntries([...tensors].map(([name, { shape, data }]) => [name, { shape: [...shape], data: [...data] }]));

test("every layout is among the cases", () => {
  const held = new Set(Object.values(cases).map(({ layout, config }) => `${layout} ${config.family}`));
  const all = layouts.flatMap(({ name, families }) => families.map((family) => `${name} ${family}`));
  expect([...held].sort()).toEqual([...new Set(all)].filter((entry) => !entry.startsWith("fovea")).sort());
});

describe.each(Object.entries(cases))("%s", (name, { config, layout, table, told, numerics, readOnly = false }) => {
  const weights = models.weightsOf(config);
  const format = formatOf(layout, config);

  test("reads every key of the table", async () => {
    const path = fileOf(`read ${name}`, format);
    const theirs = tables.theirTensors(table, weights);
    await (format === "npz" ? writeNpz(path, theirs) : writeSafetensors(path, theirs));
    const loaded = await loadWeights(path, { config: told });
    expect(loaded.layout).toBe(layout);
    expect(plainly(loaded)).toEqual(plainly(weights));
    expect(loaded.config).toEqual({ ...config, ...numerics });
    // the number of positions, or of tokens that are mixed, tells the size of the images
    const showsSize = config.family === "mixer" || (config.family === "vit" && config.posEmbedding === "learn");
    if (showsSize) expect(loaded.image).toEqual(weights.image);
    const expected = await models.forward({ ...weights, config: { ...config, ...numerics } });
    expect(await models.forward({ ...loaded, image: weights.image })).toEqual(expected);
  });

  test.skipIf(readOnly)("writes every key of the table and nothing else", async () => {
    const path = fileOf(`written ${name}`, format);
    await saveWeights(path, weights, layout);
    const written = format === "npz" ? await readNpz(path) : (await readSafetensors(path)).tensors;
    expect([...written.keys()].sort()).toEqual(Object.keys(table).sort());
    const expected = tables.theirTensors(table, weights);
    for (const [key, tensor] of written) expect(tensor, key).toEqual(expected.get(key));
    const shapes = layoutShapes(weights, layout);
    expect(Object.fromEntries(shapes)).toEqual(Object.fromEntries(Object.entries(table).map(([k, t]) => [k, t.shape])));
  });

  test("a round trip changes no logit", async () => {
    const path = fileOf(`round ${name}`, format);
    await saveWeights(path, weights, layout);
    const loaded = await loadWeights(path, { config: format === "npz" ? told : {} });
    // an npz carries no settings, so they are those of its layout; safetensors carry ours
    const same = format === "npz" ? { ...config, ...numerics } : config;
    expect(loaded.config).toEqual(same);
    expect(await models.forward({ ...loaded, image: weights.image })).toEqual(
      await models.forward({ ...weights, config: same }),
    );
  });
});

/** The logits of the plain float64 networks, which know nothing of src/. */
function plainLogits({ config, image, tensors }: Weights): Float64Array {
  const parameters = Object.fromEntries([...tensors].map(([key, { data }]) => [key, Float64Array.from(data)]));
  const shape = [2, image.height, image.width, image.channels] as const;
  const images = uniform(2 * image.height * image.width * image.channels, "image");
  if (config.family === "resnet") return plainResNet(parameters, images, shape, config)["logits"]!;
  if (config.family === "custom") throw new Error("expected a published family");
  if (config.family === "mobilenet") return plainMobileNet(parameters, images, shape, config)["logits"]!;
  if (config.family === "mixer") return plainMixer(parameters, images, shape, config)["logits"]!;
  if (config.stem.kind !== "patch") return plainHybrid(parameters, images, shape, config)["logits"]!;
  const { logits, preLogits } = plainViT(parameters, images, shape, config);
  return logits ?? preLogits!;
}

test.each(Object.entries(cases))("an independent implementation gives the logits of %s", async (name, one) => {
  const { config, layout, table, told, numerics } = one;
  const weights = models.weightsOf(config);
  const format = formatOf(layout, config);
  const path = fileOf(`plain ${name}`, format);
  const theirs = tables.theirTensors(table, weights);
  await (format === "npz" ? writeNpz(path, theirs) : writeSafetensors(path, theirs));
  const loaded = await loadWeights(path, { config: told });
  // the plain network has the parameters that were written and the settings of the layout's own code (papers.md 1.2)
  const expected = plainLogits({ ...weights, config: { ...config, ...numerics } });
  expect(relativeError(await models.forward({ ...loaded, image: weights.image }), expected)).toBeLessThan(1e-5);
});

// timm and Hugging Face always add the table of the file; without one their networks lack their positions.
test.each<[LayoutName, "sincos2d" | "none", "tok" | "gap" | "map", string]>([
  ["timm", "sincos2d", "tok", "pos_embed"],
  ["timm", "sincos2d", "gap", "pos_embed"],
  ["timm", "sincos2d", "map", "pos_embed"],
  ["timm", "none", "tok", "pos_embed"],
  ["huggingface", "sincos2d", "tok", "vit.embeddings.position_embeddings"],
])("%s holds %s positions, pooling %s, as a table", async (layout, posEmbedding, pooling, key) => {
  const weights = models.weightsOf({ ...models.vit, posEmbedding, pooling } as ModelConfig);
  const path = fileOf(`positions ${layout} ${posEmbedding} ${pooling}`, "safetensors");
  const { lost } = await saveWeights(path, weights, layout);
  expect(lost).toContain("that its position embedding is not learned (it is written as a table)");
  const { width } = models.vit as { width: number };
  const patches = 2 * 2;
  const table = (await readSafetensors(path)).tensors.get(key);
  expect(table?.shape).toEqual([1, patches + (pooling === "tok" ? 1 : 0), width]);
  expect(layoutShapes(weights, layout).get(key)).toEqual(table?.shape);
  const loaded = await loadWeights(path);
  expect(loaded.config).toMatchObject({ posEmbedding: "learn", pooling });
  expect(relativeError(await models.forward(loaded), plainLogits(weights))).toBeLessThan(1e-5);
});

describe("ours", () => {
  const others: Record<string, ModelConfig> = {
    vit: models.vit,
    hybrid: models.hybrid,
    mixer: models.mixer,
    resnet: models.resnet,
    "pooling by attention": { ...models.vit, pooling: "map" } as ModelConfig,
    "norm after the mean": { ...models.vit, pooling: "gap", poolNorm: "after" } as ModelConfig,
    "no pooling": { ...models.vit, pooling: "none" } as ModelConfig,
    "fixed positions": { ...models.vit, posEmbedding: "sincos2d" } as ModelConfig,
    "relative positions": { ...models.vit, posEmbedding: "relative" } as ModelConfig,
    "positions by axis in every layer": {
      ...models.vit,
      posEmbedding: "learn2d",
      posEmbeddingLayers: "everyLayer",
    } as ModelConfig,
    "early convolutions": {
      ...models.vit,
      patchSize: 1,
      stem: { kind: "convolutions", channels: [4, 8], strides: [2, 2], groups: 2 },
    } as ModelConfig,
    "squeeze and excitation": {
      ...models.resnet,
      attention: { kind: "squeezeExcitation", reduction: 4 },
    } as ModelConfig,
    "version 1": { ...models.resnet, version: 1, groupNormEpsilon: 1e-6, weightStandardisation: "flax" } as ModelConfig,
    "other numerics": { ...models.vit, gelu: "erf", layerNormEpsilon: 1e-3, preLogits: 6 } as ModelConfig,
  };
  test.each(Object.entries(others))("%s", async (name, config) => {
    const weights = {
      ...models.weightsOf(config),
      metadata: { licence: "CC0-1.0", classNames: ["a", "b", "c", "d", "e"] },
    };
    const path = fileOf(`ours ${name}`, "safetensors");
    expect(await saveWeights(path, weights, "fovea")).toEqual({ lost: [] });
    const loaded = await loadWeights(path);
    expect(loaded.layout).toBe("fovea");
    expect(plainly(loaded)).toEqual(plainly(weights));
    // JSON has no undefined: a setting that is not there is the same
    expect(loaded.config).toEqual(config);
    expect(loaded.metadata).toEqual(weights.metadata);
    expect(loaded.image).toEqual(weights.image);
    expect(await models.forward(loaded)).toEqual(await models.forward(weights));
  });
});

test("published sizes: 200, 152 and 200 tensors of B/16 (papers.md 12.1)", () => {
  const image = { height: 224, width: 224, channels: 3 };
  const config: ModelConfig = { family: "vit", ...vitConfig("B/16", { pooling: "tok" }) };
  const counts = (["augreg", "timm", "huggingface"] as const).map((name) => layoutShapes({ config, image }, name).size);
  expect(counts).toEqual([200, 152, 200]);
  const timmShapes = layoutShapes({ config, image }, "timm");
  expect(timmShapes.get("blocks.11.attn.qkv.weight")).toEqual([2304, 768]);
  expect(timmShapes.get("pos_embed")).toEqual([1, 197, 768]);
  const augreg = layoutShapes({ config, image }, "augreg");
  expect(augreg.get("Transformer/encoderblock_11/MultiHeadDotProductAttention_1/query/kernel")).toEqual([768, 12, 64]);
});

test.each<[string, ModelConfig, LayoutName, number]>([
  ["R50x1 with 21,843 classes", { family: "resnet", ...resnetConfig("R50x1", { classes: 21843 }) }, "bit", 68_256_659],
  ["R152x4", { family: "resnet", ...resnetConfig("R152x4") }, "timm", 936_533_224],
  ["Mixer-B/16", { family: "mixer", ...mixerConfig("Mixer-B/16") }, "timm", 59_880_472],
  [
    "R50+ViT-B/16",
    { family: "vit", ...vitConfig("B/1", { pooling: "tok", stem: resnetStem([3, 4, 9]) }) },
    "augreg",
    98_659_112,
  ],
])("published sizes: the numbers of %s (papers.md 1.4, 2.1, 3.1, 3.2)", (_name, config, layout, parameters) => {
  const shapes = layoutShapes({ config, image: { height: 224, width: 224, channels: 3 } }, layout);
  const total = [...shapes.values()].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);
  expect(total).toBe(parameters);
});
