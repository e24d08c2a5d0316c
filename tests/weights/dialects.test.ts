/** The names, prefixes and shapes that published files have had over the years, all read as the same network. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeNpz } from "../../src/formats/npz.js";
import { readSafetensors, writeSafetensors } from "../../src/formats/safetensors.js";
import type { StoredTensor } from "../../src/formats/stored.js";
import type { ModelConfig } from "../../src/models/index.js";
import { loadWeights, saveWeights, type Weights, withClassTokenOrder } from "../../src/weights/index.js";
import * as models from "../support/seeded-models.js";
import { relativeError } from "../support/vit-cases.js";
import * as tables from "./tables.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fovea-dialects-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

type Tensors = Map<string, StoredTensor>;
const renamed = (tensors: Tensors, rename: (name: string) => string): Tensors =>
  new Map([...tensors].map(([name, tensor]) => [rename(name), tensor]));
const reshaped = (tensors: Tensors, shapeOf: (name: string, shape: readonly number[]) => readonly number[]): Tensors =>
  new Map([...tensors].map(([name, tensor]) => [name, { ...tensor, shape: shapeOf(name, tensor.shape) }]));
const plainly = ({ tensors }: Pick<Weights, "tensors">) =>
  Object.fromEntries([...tensors].map(([name, { data }]) => [name, [...data]]));

const vit = models.weightsOf(models.vit);
const published = () => tables.theirTensors(tables.augRegTable([1, 3, 2], [4, 4, 3]), vit);
const newest = () => tables.theirTensors(tables.augRegTable([0, 0, 1], [4, 4, 3]), vit);

async function load(tensors: Tensors, config: Record<string, unknown> = {}) {
  const path = join(folder, "dialect.npz");
  await writeNpz(path, tensors);
  return await loadWeights(path, { config });
}

/** All blocks in one array each, as models scanned over their layers are saved. */
function stacked(tensors: Tensors): Tensors {
  const result: Tensors = new Map();
  for (const [name, tensor] of tensors) {
    const plain = name.replace(/encoderblock_\d+/, "encoderblock");
    const before = result.get(plain);
    if (plain === name) result.set(name, tensor);
    else if (!before) result.set(plain, { ...tensor, shape: [1, ...tensor.shape] });
    else {
      const data = new Float32Array([...(before.data as Float32Array), ...(tensor.data as Float32Array)]);
      result.set(plain, { dtype: "float32", shape: [before.shape[0]! + 1, ...tensor.shape], data });
    }
  }
  return result;
}

describe("AugReg and big_vision", () => {
  const position = "Transformer/posembed_input/pos_embedding";
  const dialects: Record<string, () => Tensors> = {
    "published names": published,
    "newer names": newest,
    "very old trainer states": () => renamed(published(), (name) => `opt/target/${name}`),
    big_vision: () => renamed(newest(), (name) => `params/${name}`),
    "two towers": () =>
      new Map([
        ...renamed(newest(), (name) => `params/img/${name}`),
        ["params/txt/head/bias", { dtype: "float32", shape: [1], data: new Float32Array(1) }],
        ["params/t", { dtype: "float32", shape: [1], data: new Float32Array(1) }],
      ] as [string, StoredTensor][]),
    "positions of 2021": () => renamed(newest(), (name) => (name === position ? "Transformer/pos_embedding" : name)),
    "positions at the top": () => renamed(newest(), (name) => (name === position ? "pos_embedding" : name)),
    "stacked blocks": () => stacked(newest()),
    "stacked blocks below a prefix": () => renamed(stacked(newest()), (name) => `params/${name}`),
  };
  test.each(Object.entries(dialects))("%s", async (_name, make) => {
    const loaded = await load(make());
    expect(loaded.config).toEqual({ ...models.vit });
    expect(plainly(loaded)).toEqual(plainly(vit));
  });

  test("what is left out of two towers is told", async () => {
    const loaded = await load(dialects["two towers"]!());
    expect(loaded.notes).toContain('2 arrays outside "params/img/" are not part of the network and are ignored');
  });

  test("a pre-logits layer, as in the original ImageNet-21k checkpoints", async () => {
    const weights = models.weightsOf({ ...models.vit, preLogits: true } as ModelConfig);
    const table = {
      ...tables.augRegTable([1, 3, 2], [4, 4, 3]),
      "pre_logits/kernel": {
        shape: [8, 8],
        place: (index: readonly number[]) => ["pre_logits/kernel", index] as const,
      },
      "pre_logits/bias": { shape: [8], place: (index: readonly number[]) => ["pre_logits/bias", index] as const },
    };
    const loaded = await load(tables.theirTensors(table, weights));
    expect(loaded.config).toEqual(weights.config);
    expect(plainly(loaded)).toEqual(plainly(weights));
  });

  test.each(["MAPHead_0/", ""])("pooling by attention below %j", async (below) => {
    const weights = models.weightsOf({ ...models.vit, pooling: "map" } as ModelConfig);
    const tensors: Tensors = new Map(
      [...weights.tensors].map(([name, { shape, data }]) => [
        name.replace("MAPHead_0/", below),
        { dtype: "float32", shape, data },
      ]),
    );
    const loaded = await load(tensors);
    expect(loaded.config).toMatchObject({ pooling: "map", classes: 5, mlpDim: 12 });
    expect(plainly(loaded)).toEqual(plainly(weights));
  });

  test("group norms of four sides in old hybrids", async () => {
    const hybrid = models.weightsOf(models.hybrid);
    const tensors = reshaped(tables.theirTensors(tables.hybridTable(true), hybrid), (name, shape) =>
      /gn\w+\//.test(name) ? [1, 1, 1, ...shape] : shape,
    );
    const loaded = await load(tensors, { stem: models.hybrid.family === "vit" && models.hybrid.stem });
    expect(plainly(loaded)).toEqual(plainly(hybrid));
    expect(loaded.tensors.get("gn_root/scale")!.shape).toEqual([8]);
  });

  test("no learned positions are taken for the fixed ones", async () => {
    const weights = models.weightsOf({ ...models.vit, posEmbedding: "sincos2d", pooling: "gap" } as ModelConfig);
    const tensors: Tensors = new Map([...weights.tensors].map(([name, t]) => [name, { dtype: "float32", ...t }]));
    const loaded = await load(tensors);
    expect(loaded.config).toMatchObject({ posEmbedding: "sincos2d", pooling: "gap" });
    expect(loaded.notes.join()).toMatch(/using the fixed sine\/cosine one/);
  });
});

describe("where the class token joins", () => {
  test("before or after, the network is the same, and the way back is too", async () => {
    const after = withClassTokenOrder(vit, "after");
    expect(after.tensors.get("pos_embedding")!.shape).toEqual([1, 4, 8]);
    const back = withClassTokenOrder(after, "before");
    const logits = await models.forward(vit);
    expect(relativeError(await models.forward(after), logits)).toBeLessThan(1e-6);
    expect(relativeError(await models.forward(back), logits)).toBeLessThan(1e-6);
    expect([...back.tensors.get("Transformer/posembed_input/pos_embedding")!.data.slice(0, 8)]).toEqual(
      Array(8).fill(0),
    );
  });

  test("scalars that training leaves in a file are ignored, with a note", async () => {
    const tensors = tables.theirTensors(tables.augRegTable([1, 3, 2], [4, 4, 3]), vit);
    tensors.set("step", { dtype: "int64", shape: [], data: new BigInt64Array([90_000n]) });
    tensors.set("opt/count", { dtype: "int32", shape: [], data: new Int32Array(1) });
    const path = join(folder, "scalars.npz");
    await writeNpz(path, tensors);
    const loaded = await loadWeights(path);
    expect(await models.forward(loaded)).toEqual(await models.forward(vit));
    expect(loaded.notes).toContain("ignored scalars, which are not weights: step, opt/count");
    // other arrays that are not the network's are still refused by name
    tensors.set("opt/momentum", { dtype: "float32", shape: [2], data: new Float32Array(2) });
    await writeNpz(path, tensors);
    await expect(loadWeights(path)).rejects.toThrow(/extra \(1\): opt\/momentum/);
  });

  test.each(["npz", "safetensors"])("files say which by the number of rows (%s)", async (format) => {
    const after = withClassTokenOrder(vit, "after");
    const table = format === "npz" ? tables.augRegTable([0, 0, 1], [4, 4, 3]) : tables.timmViTTable();
    const name = format === "npz" ? "Transformer/posembed_input/pos_embedding" : "pos_embed";
    const place = (index: readonly number[]) => ["pos_embedding", index] as const;
    const tensors = tables.theirTensors({ ...table, [name]: { shape: [1, 4, 8], place } }, after);
    const path = join(folder, `after.${format}`);
    await (format === "npz" ? writeNpz(path, tensors) : writeSafetensors(path, tensors));
    const loaded = await loadWeights(path, { config: { heads: 2, gelu: "tanh" } });
    expect(loaded.config).toMatchObject({ classTokenOrder: "after" });
    expect(await models.forward(loaded)).toEqual(await models.forward(after));
  });

  test("a grid that is no square needs the size of the images", async () => {
    const weights = models.weightsOf(models.vit, { height: 8, width: 12, channels: 3 });
    const table = tables.augRegTable([1, 3, 2], [4, 4, 3]);
    const name = "Transformer/posembed_input/pos_embedding";
    const wide = {
      ...table,
      [name]: { shape: [1, 7, 8], place: (index: readonly number[]) => [name, index] as const },
    };
    const path = join(folder, "wide.npz");
    await writeNpz(path, tables.theirTensors(wide, weights));
    await expect(loadWeights(path)).rejects.toThrow(/6 patches, which do not form a square.*give sourceImage/);
    await expect(loadWeights(path, { sourceImage: [4, 4] })).rejects.toThrow(/are not those of 4 x 4 pixels/);
    const loaded = await loadWeights(path, { sourceImage: [8, 12] });
    expect(loaded.image).toEqual({ height: 8, width: 12, channels: 3 });
    expect(plainly(loaded)).toEqual(plainly(weights));
  });
});

describe("BiT", () => {
  const weights = models.weightsOf(models.resnet);
  const bit = () => tables.theirTensors(tables.bitTable(), weights);
  const dialects: Record<string, () => Tensors> = {
    "counters behind names": () => {
      let i = 0;
      return renamed(bit(), (name) =>
        name.replace(/standardized_conv2d/, () => (i++ % 2 ? `standardized_conv2d_${i}` : "standardized_conv2d")),
      );
    },
    big_vision: () => {
      const part: Record<string, string> = { a: "1", b: "2", c: "3" };
      const kind: Record<string, string> = { gamma: "scale", beta: "bias" };
      const names = renamed(bit(), (name) =>
        name
          .replace("resnet/root_block/standardized_conv2d", "params/root_block/conv_root")
          .replace(/^resnet\/group_norm\/(\w+)/, (_, field: string) => `params/norm-pre-head/${kind[field]}`)
          .replace("resnet/head/conv2d", "params/head")
          .replace(/\/a\/proj\/standardized_conv2d/, "/conv_proj")
          .replace(/\/([abc])\/standardized_conv2d/, (_, group: string) => `/conv${part[group]}`)
          .replace(
            /\/([abc])\/group_norm\/(\w+)/,
            (_, group: string, field: string) => `/gn${part[group]}/${kind[field]}`,
          )
          .replace(/^resnet/, "params"),
      );
      return reshaped(names, (name, shape) => {
        if (name === "params/head/kernel") return shape.slice(2);
        return /\/gn\d\/|norm-pre-head/.test(name) ? [1, 1, 1, ...shape] : shape;
      });
    },
  };
  test.each(Object.entries(dialects))("%s", async (name, make) => {
    const loaded = await load(make(), { groups: 4 });
    expect(plainly(loaded)).toEqual(plainly(weights));
    expect(loaded.config).toMatchObject({ rootPoolPadding: name === "big_vision" ? "none" : "zeros", blocks: [1, 2] });
  });
});

test("MLP-Mixer before Linen", async () => {
  const weights = models.weightsOf(models.mixer);
  const tensors = renamed(tables.theirTensors(tables.mixerTable(), weights), (name) =>
    name
      .replace("pre_head_layer_norm", "Mixer/encoder_norm")
      .replace("stem/", "embedding/")
      .replace("MixerBlock_", "Mixer/encoderblock_")
      .replace("LayerNorm_1", "LayerNorm_2")
      .replace(
        /(token|channel)_mixing\/Dense_(\d)\/(kernel|bias)/,
        (_, part: string, layer: string, field: string) => `${part}_mixing_phase_0/${field}${Number(layer) + 1}`,
      ),
  );
  const older = reshaped(tensors, (name, shape) => (/bias\d$/.test(name) ? [1, 1, ...shape] : shape));
  const loaded = await load(older);
  expect(loaded.config).toEqual(models.mixer);
  expect(plainly(loaded)).toEqual(plainly(weights));
});

describe("Hugging Face", () => {
  const save = async (tensors: Tensors) => {
    const path = join(folder, "hf.safetensors");
    await writeSafetensors(path, tensors);
    return path;
  };
  const named = () => tables.theirTensors(tables.huggingFaceTable(), vit);

  test("the bare model has no prefix, and its pooler is the pre-logits layer", async () => {
    const tensors = renamed(named(), (name) => name.replace(/^vit\./, ""));
    tensors.delete("classifier.weight");
    tensors.delete("classifier.bias");
    const kernel = Float32Array.from({ length: 64 }, (_, i) => i / 64);
    const bias = Float32Array.from({ length: 8 }, (_, i) => -i);
    tensors.set("pooler.dense.weight", { dtype: "float32", shape: [8, 8], data: kernel });
    tensors.set("pooler.dense.bias", { dtype: "float32", shape: [8], data: bias });
    const loaded = await loadWeights(await save(tensors), { config: { heads: 2 } });
    expect(loaded.config).toMatchObject({ preLogits: true, classes: 0 });
    expect(loaded.tensors.get("pre_logits/kernel")!.data[1 * 8 + 0]).toBe(kernel[0 * 8 + 1]);
    expect([...loaded.tensors.get("pre_logits/bias")!.data]).toEqual([...bias]);
  });

  test("a pooler under a classifier is left out and told", async () => {
    const tensors = named();
    tensors.set("vit.pooler.dense.weight", { dtype: "float32", shape: [8, 8], data: new Float32Array(64) });
    tensors.set("vit.pooler.dense.bias", { dtype: "float32", shape: [8], data: new Float32Array(8) });
    const loaded = await loadWeights(await save(tensors), { config: { heads: 2 } });
    expect(plainly(loaded)).toEqual(plainly(vit));
    expect(loaded.notes.join()).toMatch(/pooler is ignored/);
  });

  test("the last norm without its prefix, as in very old uploads", async () => {
    const tensors = renamed(named(), (name) => name.replace("vit.layernorm.", "layernorm."));
    expect(plainly(await loadWeights(await save(tensors), { config: { heads: 2 } }))).toEqual(plainly(vit));
  });
});

describe("timm", () => {
  test("pooling by attention: latent, q, kv, proj, norm, mlp", async () => {
    const weights = models.weightsOf({ ...models.vit, pooling: "map", gelu: "erf" } as ModelConfig);
    const pool = "MAPHead_0/MultiHeadDotProductAttention_0";
    const { cls_token: _token, ...rest } = tables.timmViTTable();
    const square = (names: readonly string[]) => ({
      shape: [8 * names.length, 8],
      place: ([row, column]: readonly number[]) =>
        [`${pool}/${names[Math.floor(row! / 8)]}/kernel`, [column!, Math.floor((row! % 8) / 4), row! % 4]] as const,
    });
    const line = (names: readonly string[]) => ({
      shape: [8 * names.length],
      place: ([row]: readonly number[]) =>
        [`${pool}/${names[Math.floor(row! / 8)]}/bias`, [Math.floor((row! % 8) / 4), row! % 4]] as const,
    });
    const same = (name: string, shape: readonly number[]) => ({
      shape,
      place: (index: readonly number[]) => [name, index] as const,
    });
    const turned = (name: string, from: number, to: number) => ({
      shape: [to, from],
      place: ([o, i]: readonly number[]) => [name, [i!, o!]] as const,
    });
    const table: tables.Table = {
      ...rest,
      pos_embed: same("pos_embedding", [1, 4, 8]),
      "attn_pool.latent": same("MAPHead_0/probe", [1, 1, 8]),
      "attn_pool.q.weight": square(["query"]),
      "attn_pool.q.bias": line(["query"]),
      "attn_pool.kv.weight": square(["key", "value"]),
      "attn_pool.kv.bias": line(["key", "value"]),
      "attn_pool.proj.weight": {
        shape: [8, 8],
        place: ([o, i]) => [`${pool}/out/kernel`, [Math.floor(i! / 4), i! % 4, o!]],
      },
      "attn_pool.proj.bias": same(`${pool}/out/bias`, [8]),
      "attn_pool.norm.weight": same("MAPHead_0/LayerNorm_0/scale", [8]),
      "attn_pool.norm.bias": same("MAPHead_0/LayerNorm_0/bias", [8]),
      "attn_pool.mlp.fc1.weight": turned("MAPHead_0/MlpBlock_0/Dense_0/kernel", 8, 12),
      "attn_pool.mlp.fc1.bias": same("MAPHead_0/MlpBlock_0/Dense_0/bias", [12]),
      "attn_pool.mlp.fc2.weight": turned("MAPHead_0/MlpBlock_0/Dense_1/kernel", 12, 8),
      "attn_pool.mlp.fc2.bias": same("MAPHead_0/MlpBlock_0/Dense_1/bias", [8]),
    };
    const path = join(folder, "map.safetensors");
    await writeSafetensors(path, tables.theirTensors(table, weights));
    const loaded = await loadWeights(path, { config: { heads: 2 } });
    expect(loaded.config).toMatchObject({ pooling: "map" });
    expect(plainly(loaded)).toEqual(plainly(weights));
    expect(await models.forward(loaded)).toEqual(await models.forward(weights));
  });

  test("timm's fc_norm, the norm after the mean, both ways", async () => {
    const weights = models.weightsOf({ ...models.vit, pooling: "gap", poolNorm: "after", gelu: "erf" } as ModelConfig);
    const { cls_token: _, "norm.weight": scale, "norm.bias": bias, ...rest } = tables.timmViTTable();
    const same = (ours: string, shape: number[]): tables.TheirTensor => ({ shape, place: (index) => [ours, index] });
    const table = {
      ...rest,
      pos_embed: same("pos_embedding", [1, 4, 8]),
      "fc_norm.weight": same("fc_norm/scale", scale!.shape as number[]),
      "fc_norm.bias": same("fc_norm/bias", bias!.shape as number[]),
    };
    const path = join(folder, "fc-norm.safetensors");
    const theirs = tables.theirTensors(table, weights);
    await writeSafetensors(path, theirs);
    const loaded = await loadWeights(path, { config: { heads: 2 } });
    expect(loaded.config).toMatchObject({ pooling: "gap", poolNorm: "after" });
    expect(await models.forward(loaded)).toEqual(await models.forward(weights));
    const before = { ...weights, config: { ...weights.config, poolNorm: "before" } as ModelConfig };
    const moved = new Map(
      [...weights.tensors].map(([name, t]) => [name.replace("fc_norm", "Transformer/encoder_norm"), t]),
    );
    expect(await models.forward({ ...before, tensors: moved })).not.toEqual(await models.forward(weights));
    const back = join(folder, "fc-norm-back.safetensors");
    expect((await saveWeights(back, weights, "timm")).lost.join()).toMatch(
      /class_token=False, global_pool="avg" to timm/,
    );
    const written = await readSafetensors(back);
    expect([...written.tensors.keys()].sort()).toEqual([...theirs.keys()].sort());
    expect(await models.forward(await loadWeights(back))).toEqual(await models.forward(weights));
  });

  test("a norm after the mean beside a class token averages the patches alone", async () => {
    const config = { ...vit.config, pooling: "gap", poolNorm: "after", classToken: true } as ModelConfig;
    const weights = models.weightsOf(config);
    const path = join(folder, "fc-norm-cls.safetensors");
    await saveWeights(path, weights, "timm");
    const bare = await readSafetensors(path);
    expect(
      bare.tensors.has("cls_token") && bare.tensors.has("fc_norm.weight") && !bare.tensors.has("norm.weight"),
    ).toBe(true);
    await writeSafetensors(path, bare.tensors);
    const loaded = await loadWeights(path, { config: { heads: 2, gelu: "tanh" } });
    expect(loaded.config).toMatchObject({ pooling: "gap", poolNorm: "after", classToken: true });
    expect(await models.forward(loaded)).toEqual(await models.forward(weights));
  });
});
