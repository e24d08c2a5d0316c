/** Exported models against the programs they come from: every family, any batch, every way in and out. */
import { fromBinary } from "@bufbuild/protobuf";
import { type ModelProto, ModelProtoSchema } from "onnx-buf";
import { describe, expect, test } from "vitest";
import { ExportError, exportOnnx } from "../../src/export/index.js";
import type { OnnxModel } from "../../src/graph/index.js";
import { convolutionStem, type ModelConfig } from "../../src/models/index.js";
import {
  channelsFirst,
  drawnPixels,
  drawnWeights,
  exportAndRun,
  ownResults,
  relativeDifference,
  run,
  scaled,
  tinyMixer,
  tinyResNet,
  tinyViT,
} from "./support.js";

const read = (model: OnnxModel): ModelProto => fromBinary(ModelProtoSchema, model.bytes);
const nodesOf = (model: OnnxModel) => read(model).graph!.node.map(({ opType }) => opType);

const families: Readonly<Record<string, ModelConfig>> = {
  "ViT, class token": tinyViT(),
  "ViT, erf GELU, class token joined after": tinyViT({ gelu: "erf", classTokenOrder: "after" }),
  "ViT, mean": tinyViT({ pooling: "gap", preLogits: 20 }),
  "ViT, attention pooling": tinyViT({ pooling: "map", posEmbedding: "sincos2d" }),
  "ViT, relative positions": tinyViT({ pooling: "gap", posEmbedding: "relative" }),
  "ViT, convolutional stem": tinyViT({
    stem: { ...convolutionStem([8, 16]), groups: 4 },
    patchSize: 2,
    pooling: "gap",
  }),
  "BiT ResNet": tinyResNet(),
  "ResNet, version 1": tinyResNet({ version: 1, weightStandardisation: "flax" }),
  "ResNet with squeeze and excitation": tinyResNet({ attention: { kind: "squeezeExcitation" } }),
  "ResNet with non-local blocks": tinyResNet({ attention: { kind: "nonLocal", every: 1 } }),
  Mixer: tinyMixer(),
};

describe.each(Object.entries(families))("%s", (_, config) => {
  const weights = drawnWeights(config, [32, 32, 3]);
  test.each(["fused", "plain"] as const)(
    "%s operators give what the program gives, batch 1, 2 and 5",
    async (operators) => {
      const exported = await exportOnnx(weights, { outputs: "both", operators });
      for (const count of [1, 2, 5]) {
        const images = scaled(drawnPixels(count, weights.image));
        const own = await ownResults(weights, images);
        const found = await run(exported, { pixel_values: channelsFirst(images, weights.image) });
        expect(relativeDifference(found.logits!, own.logits)).toBeLessThan(1e-5);
        expect(relativeDifference(found.features!, own.features)).toBeLessThan(1e-5);
      }
    },
  );
});

describe("the file", () => {
  const weights = drawnWeights(tinyViT(), [32, 32, 3], { licence: "Apache-2.0", classNames: [..."abcdefg"] });

  test("names its inputs and outputs, leaves the batch free, and says what it is", async () => {
    const model = read(await exportOnnx(weights, { outputs: "both", metadata: { note: "ours" } }));
    const shape = (info: (typeof model.graph & object)["input"][number]) => {
      const value = info.type!.value;
      if (value.case !== "tensorType") throw new Error("not a tensor");
      const sides = value.value.shape!.dim.map(({ value: side }) =>
        side.case === "dimParam" ? side.value : Number(side.value),
      );
      return [info.name, ...sides];
    };
    expect(model.graph!.input.map(shape)).toEqual([["pixel_values", "batch", 3, 32, 32]]);
    expect(model.graph!.output.map(shape)).toEqual([
      ["logits", "batch", 7],
      ["features", "batch", 32],
    ]);
    const said = Object.fromEntries(model.metadataProps.map(({ key, value }) => [key, value]));
    expect(said).toMatchObject({ licence: "Apache-2.0", note: "ours", image: "32x32x3" });
    expect(JSON.parse(said["config"]!)).toMatchObject({ family: "vit", width: 32 });
    expect(JSON.parse(said["classNames"]!)).toHaveLength(7);
  });

  test("plain operators are ONNX's alone; fused ones are used where they are asked for", async () => {
    const plain = read(await exportOnnx(weights, { operators: "plain" }));
    expect(plain.opsetImport.map(({ domain }) => domain)).toEqual([""]);
    const fused = nodesOf(await exportOnnx(weights));
    expect(fused.filter((type) => type === "MultiHeadAttention")).toHaveLength(2);
    expect(fused.filter((type) => type === "FastGelu")).toHaveLength(2);
    expect(fused).not.toContain("Softmax");
  });

  test("constants are worked out: nothing is reshaped or standardised at run time", async () => {
    const graph = read(await exportOnnx(drawnWeights(tinyResNet(), [32, 32, 3]))).graph!;
    const constant = new Set(graph.initializer.map(({ name }) => name));
    for (const { opType, input } of graph.node) {
      expect(
        input.every((name) => constant.has(name)),
        opType,
      ).toBe(false);
    }
    // one convolution for each kernel, and one for each group norm's scale and shift
    expect(graph.node.filter(({ opType }) => opType === "Conv")).toHaveLength(9 + 7);
  });

  test("of the last block only what the class token needs is computed", async () => {
    const graph = read(await exportOnnx(weights)).graph!;
    const slices = graph.node.filter(({ opType }) => opType === "Slice");
    // the residual and the normed tokens of the last block; not the sequence after the last norm
    expect(slices).toHaveLength(2);
    const last = graph.node.findLast(({ opType }) => opType === "LayerNormalization")!;
    const made = new Set(slices.flatMap(({ output }) => output));
    expect(made.has(last.input[0]!)).toBe(false);
    // all tokens are there for who asks for them
    const tokens = await exportAndRun(
      weights,
      { pixel_values: channelsFirst(scaled(drawnPixels(2, weights.image)), weights.image) },
      { outputs: { tokens: "last_hidden_state", features: "pooler_output" } },
    );
    expect(tokens["last_hidden_state"]!).toHaveLength(2 * 17 * 32);
    expect(tokens["last_hidden_state"]!.slice(17 * 32, 18 * 32)).toEqual(tokens["pooler_output"]!.slice(32));
  });

  test("a fixed batch takes that one", async () => {
    const model = await exportOnnx(weights, { batch: 2 });
    expect(model.inputs[0]!.type.shape).toEqual([2, 3, 32, 32]);
    await expect(run(model, { pixel_values: new Float32Array(3 * 32 * 32) })).rejects.toThrow(
      /has type float32 \[2, 3/,
    );
  });

  test("heavy weights go into a file beside it", async () => {
    const images = scaled(drawnPixels(1, weights.image));
    const feeds = { pixel_values: channelsFirst(images, weights.image) };
    const model = await exportOnnx(weights, { externalAbove: 1000, externalPath: "model.onnx_data" });
    expect(model.external!.path).toBe("model.onnx_data");
    expect(await run(model, feeds)).toEqual(await exportAndRun(weights, feeds));
  });
});

describe("pixels", () => {
  test("8-bit images are scaled inside, by mean and deviation of each channel", async () => {
    const weights = drawnWeights(tinyViT(), [32, 32, 3]);
    const pixels = drawnPixels(2, weights.image);
    const [mean, deviation] = [
      [0.485, 0.456, 0.406],
      [0.229, 0.224, 0.225],
    ] as const;
    const images = Float32Array.from(pixels, (value, i) => (value / 255 - mean[i % 3]!) / deviation[i % 3]!);
    const own = await ownResults(weights, images);
    const found = await exportAndRun(weights, { image: pixels }, { input: "uint8", scaling: { mean, deviation } });
    expect(relativeDifference(found["logits"]!, own.logits)).toBeLessThan(1e-5);
  });

  test("the weights' preprocessing says how they are scaled", async () => {
    const weights = drawnWeights(tinyViT(), [32, 32, 3], { preprocessing: "decode|resize(32)|value_range(0,1)" });
    const pixels = drawnPixels(2, weights.image);
    const own = await ownResults(
      weights,
      Float32Array.from(pixels, (value) => value / 255),
    );
    const found = await exportAndRun(weights, { image: pixels }, { input: "uint8" });
    expect(relativeDifference(found["logits"]!, own.logits)).toBeLessThan(1e-5);
  });

  test("colour comes in grey for a network of one channel", async () => {
    const weights = drawnWeights(tinyViT(), [32, 32, 1]);
    const grey = scaled(drawnPixels(2, weights.image));
    const own = await ownResults(weights, grey);
    const area = 32 * 32;
    const colour = Float32Array.from(
      { length: 3 * grey.length },
      (_, i) => grey[Math.floor(i / (3 * area)) * area + (i % area)]!,
    );
    const found = await exportAndRun(weights, { pixel_values: colour }, { input: "colour" });
    expect(relativeDifference(found["logits"]!, own.logits)).toBeLessThan(1e-5);
  });
});

describe("what cannot be exported", () => {
  const weights = drawnWeights(tinyViT(), [32, 32, 3]);
  test("missing and mis-shaped parameters are all named", async () => {
    const tensors = new Map(weights.tensors);
    tensors.delete("cls");
    tensors.set("head/bias", { shape: [8], data: new Float32Array(8) });
    const failed = exportOnnx({ ...weights, tensors });
    await expect(failed).rejects.toThrow(ExportError);
    await expect(failed).rejects.toThrow(/cls: missing\n {2}head\/bias: \[8\] given, \[7\] expected/);
  });
  test("weights that are not finite", async () => {
    const tensors = new Map(weights.tensors).set("head/bias", {
      shape: [7],
      data: new Float32Array(7).fill(Number.NaN),
    });
    await expect(exportOnnx({ ...weights, tensors })).rejects.toThrow(/head\/bias/);
  });
  test("logits without a head, tokens of a ResNet, a batch of none, a mean of two numbers", async () => {
    const headless = drawnWeights(tinyViT({ classes: 0 }), [32, 32, 3]);
    await expect(exportOnnx(headless, { outputs: "logits" })).rejects.toThrow(/no head/);
    expect((await exportOnnx(headless)).outputs.map(({ name }) => name)).toEqual(["features"]);
    const resnet = drawnWeights(tinyResNet(), [32, 32, 3]);
    await expect(exportOnnx(resnet, { outputs: { tokens: "x" } })).rejects.toThrow(/no sequence of tokens/);
    await expect(exportOnnx(weights, { batch: 0 })).rejects.toThrow(/batch of 0/);
    const scaling = { mean: [0, 1], deviation: [1] };
    await expect(exportOnnx(weights, { input: "uint8", scaling })).rejects.toThrow(/2 numbers for 3 channels/);
  });
});
