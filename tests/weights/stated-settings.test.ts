/** Settings that tensors do not show: read from config.json, taken from the spec, or refused; never invented. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeSafetensors } from "../../src/formats/safetensors.js";
import type { StoredTensor } from "../../src/formats/stored.js";
import { input } from "../../src/graph/index.js";
import { model } from "../../src/models/index.js";
import { open, readNetwork } from "../../src/networks/index.js";
import { Scope } from "../../src/nn/index.js";
import { evaluate } from "../../src/runtime/index.js";
import { openTeacher } from "../../src/train/teachers/teacher.js";
import { inspectWeights, loadWeights } from "../../src/weights/index.js";
import { fovea } from "../support/command-line.js";
import { imageFolder } from "../support/trained-run.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fovea-settings-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A Vision Transformer of timm: width 128, two blocks, patches of 4 on images of 8 x 8, five classes; no published shape. */
const width = 128;
const mlp = 64;
const shapes: readonly (readonly [string, readonly number[]])[] = [
  ["cls_token", [1, 1, width]],
  ["pos_embed", [1, 5, width]],
  ["patch_embed.proj.weight", [width, 3, 4, 4]],
  ["patch_embed.proj.bias", [width]],
  ...[0, 1].flatMap((block): (readonly [string, readonly number[]])[] => [
    [`blocks.${block}.norm1.weight`, [width]],
    [`blocks.${block}.norm1.bias`, [width]],
    [`blocks.${block}.attn.qkv.weight`, [3 * width, width]],
    [`blocks.${block}.attn.qkv.bias`, [3 * width]],
    [`blocks.${block}.attn.proj.weight`, [width, width]],
    [`blocks.${block}.attn.proj.bias`, [width]],
    [`blocks.${block}.norm2.weight`, [width]],
    [`blocks.${block}.norm2.bias`, [width]],
    [`blocks.${block}.mlp.fc1.weight`, [mlp, width]],
    [`blocks.${block}.mlp.fc1.bias`, [mlp]],
    [`blocks.${block}.mlp.fc2.weight`, [width, mlp]],
    [`blocks.${block}.mlp.fc2.bias`, [width]],
  ]),
  ["norm.weight", [width]],
  ["norm.bias", [width]],
  ["head.weight", [5, width]],
  ["head.bias", [5]],
];

/** Element i of tensor t is 0.3 sin(t + 0.7311 i^2). */
const tensors = new Map(
  shapes.map(([name, shape], t): [string, StoredTensor] => {
    const count = shape.reduce((a, b) => a * b, 1);
    const data = Float32Array.from({ length: count }, (_, i) => 0.3 * Math.sin(t + i * i * 0.7311));
    return [name, { dtype: "float32", shape, data }];
  }),
);
const image = Float32Array.from({ length: 8 * 8 * 3 }, (_, i) => Math.cos(i * 0.37));

// PyTorch 1.13 in float64 on the same numbers: conv2d, multi_head_attention_forward with so many heads, gelu, layer_norm.
const golden = {
  fourHeads: [2.96083, -0.21196, 0.034, -0.14387, 0.51057],
  largeEpsilon: [2.95792, -0.20005, 0.01916, -0.14025, 0.51244],
  tanh: [2.96075, -0.21194, 0.03405, -0.14391, 0.51059],
};

async function logitsOf(spec: string): Promise<number[]> {
  const { config, tensors: loaded } = await loadWeights(spec);
  const scope = Scope.root();
  const { logits } = model(scope, input("image", "float32", [1, 8, 8, 3]), config);
  const feeds: Record<string, Float32Array> = { image };
  for (const { name } of scope.parameters) feeds[name] = loaded.get(name)?.data ?? new Float32Array();
  if (!logits) throw new Error("the network has no head");
  const { y } = await evaluate({ y: logits }, feeds);
  return [...(y as Float32Array)];
}

async function make(name: string, config?: object, file = "model.safetensors"): Promise<string> {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  await writeSafetensors(join(path, file), tensors);
  if (config) writeFileSync(join(path, "config.json"), JSON.stringify(config));
  return path;
}
const timm = (model_args?: object) => ({
  architecture: "vit_tiny_patch16_224",
  pretrained_cfg: { input_size: [3, 8, 8] },
  model_args,
});
const close = (actual: readonly number[], expected: readonly number[]) => {
  expect(actual).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) expect(actual[i]).toBeCloseTo(value, 4);
};

describe("the number of heads", () => {
  test("is refused where it is neither stated nor published", async () => {
    for (const path of [await make("silent"), await make("silent-timm", timm())]) {
      await expect(loadWeights(path)).rejects.toThrow(
        /the number of attention heads is unknown.*\(width 128, depth 2, MLP 64\).*config\.json.*\?heads=NUMBER/,
      );
    }
  });

  test("is that of model_args of the config.json of timm, in the folder and beside a file of any name", async () => {
    const path = await make("args", timm({ num_heads: 4, embed_dim: 128, depth: 2 }));
    close(await logitsOf(path), golden.fourHeads);
    const other = await make("other-name", timm({ num_heads: 4 }), "best.safetensors");
    close(await logitsOf(join(other, "best.safetensors")), golden.fourHeads);
  });

  test("is taken from the spec, with other settings", async () => {
    const path = join(await make("spec"), "model.safetensors");
    close(await logitsOf(`${path}?heads=4`), golden.fourHeads);
    close(await logitsOf(`${path}?heads=4&layerNormEpsilon=1e-1`), golden.largeEpsilon);
    close(await logitsOf(`${path}?heads=4&gelu=tanh`), golden.tanh);
  });

  test("that is asked for goes before the description, and that is told", async () => {
    const path = await make("both", timm({ num_heads: 8 }));
    close(await logitsOf(`${path}?heads=4`), golden.fourHeads);
    expect((await inspectWeights(`${path}?heads=4`)).notes).toContain(
      "heads is 4, as requested; its description says 8",
    );
  });

  test("must divide the width", async () => {
    await expect(loadWeights(`${await make("divides")}?heads=3`)).rejects.toThrow(/heads/);
  });
});

describe("other arguments of timm", () => {
  test("act_layer and pooling are read", async () => {
    close(await logitsOf(await make("tanh", timm({ num_heads: 4, act_layer: "gelu_tanh" }))), golden.tanh);
    const average = await loadWeights(await make("avg", timm({ num_heads: 4, global_pool: "avg" })));
    expect(average.config).toMatchObject({ pooling: "gap", classToken: true });
  });

  test.each([
    [{ act_layer: "relu" }, /model_args\.act_layer "relu" is unknown; expected gelu, gelu_tanh, quick_gelu/],
    [{ norm_layer: "rmsnorm" }, /model_args\.norm_layer "rmsnorm" is unknown/],
    [{ attn_layer: "diff" }, /model_args\.attn_layer is unknown/],
    [{ num_heads: 2.5 }, /model_args\.num_heads is 2\.5; expected a whole number/],
  ])("%j is refused", async (more, message) => {
    await expect(loadWeights(await make("refused", timm({ num_heads: 4, ...more })))).rejects.toThrow(message);
  });

  test("null is timm's default", async () => {
    const path = await make("null", timm({ num_heads: 4, act_layer: null, norm_layer: null, block_fn: null }));
    close(await logitsOf(path), golden.fourHeads);
  });
});

describe("specs", () => {
  test("wrong options are refused by name", async () => {
    const path = await make("wrong");
    await expect(loadWeights(`${path}?head=4`)).rejects.toThrow(/unknown option "head"; did you mean "heads"\?/);
    await expect(loadWeights(`${path}?heads=four`)).rejects.toThrow(/heads must be a whole number.*"four"/);
    await expect(loadWeights(`${path}?layerNormEpsilon=2`)).rejects.toThrow(/above 0 and below 1/);
    await expect(loadWeights("embedded:bit?heads=4")).rejects.toThrow(/family resnet has no setting heads/);
  });

  test("are taken by backbones and networks, before training too", async () => {
    const spec = `${await make("everywhere")}?heads=4&size=12`;
    expect((await readNetwork(spec)).imageShape).toEqual([12, 12, 3]);
    const untrained = await readNetwork(`random:${spec}`);
    expect(untrained).toMatchObject({ imageShape: [12, 12, 3], config: { heads: 4 } });
    const backbone = await open(spec);
    expect(backbone).toMatchObject({ width, imageShape: [12, 12, 3] });
    await backbone.close();
    await expect(open(spec, { imageSize: 8 })).rejects.toThrow(
      /states images of 12 x 12, and the image size 8 x 8 is given too/,
    );
  });

  test("are taken by teachers, by runs that start from them and by fine-tuning", async () => {
    const spec = `${await make("teaching")}?heads=4`;
    const teacher = await openTeacher(
      { network: spec },
      { image: [8, 8, 3], batchSize: 1, valueRange: [[-1, 1]], threads: 1 },
    );
    close([...(await teacher.ask(image.slice()))], golden.fourHeads);
    await teacher.close();
    await expect(
      openTeacher({ network: "net.onnx?size=8" }, { image: [8, 8, 3], batchSize: 1, valueRange: [[-1, 1]] }),
    ).rejects.toThrow(/no "net\.onnx"/);
    const photos = await imageFolder(join(folder, "photos"), { apple: 4, leaf: 4 });
    const output = join(folder, "tuned");
    const words = ["--steps", "1", "--batch", "4", "--image-size", "8", "--threads=1", "--output", output];
    const refused = await fovea("finetune", spec.replace("?heads=4", ""), photos, ...words);
    expect(refused.stderr).toMatch(/the number of attention heads is unknown/);
    const tuned = await fovea("finetune", spec, photos, ...words);
    expect(tuned.status, tuned.stderr).toBe(0);
    expect(JSON.parse(readFileSync(join(output, "recipe.json"), "utf8"))).toMatchObject({
      initialWeights: spec,
      model: { heads: 4 },
    });
  });

  test("are taken by the commands", async () => {
    const path = await make("commands");
    const refused = await fovea("inspect", path);
    expect(refused.status).not.toBe(0);
    expect(refused.stderr).toMatch(/\?heads=NUMBER/);
    const inspected = await fovea("inspect", `${path}?heads=4`, "--json");
    expect(JSON.parse(inspected.stdout)).toMatchObject({ config: { heads: 4 } });
    const output = join(path, "ours", "net.safetensors");
    expect((await fovea("convert", `${path}?heads=4&layerNormEpsilon=1e-1`, output)).status).toBe(0);
    close(await logitsOf(output), golden.largeEpsilon);
    const onnx = join(path, "net.onnx");
    expect((await fovea("export", `${path}?heads=4`, onnx)).status).toBe(0);
  });
});
