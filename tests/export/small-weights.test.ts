/** Weights in fewer bits: what is stored, what is computed in integers, and how near it stays. */
import { fromBinary } from "@bufbuild/protobuf";
import { type GraphProto, ModelProtoSchema } from "onnx-buf";
import { describe, expect, test } from "vitest";
import { ExportError, exportOnnx } from "../../src/export/index.js";
import type { OnnxModel } from "../../src/graph/index.js";
import type { Weights } from "../../src/weights/index.js";
import {
  channelsFirst,
  drawnPixels,
  drawnWeights,
  exportAndRun,
  relativeDifference,
  run,
  scaled,
  tinyMixer,
  tinyResNet,
  tinyViT,
} from "./support.js";

const graphOf = (model: OnnxModel): GraphProto => fromBinary(ModelProtoSchema, model.bytes).graph!;
const pixelsOf = (weights: Weights, count: number, seed?: number) =>
  channelsFirst(scaled(drawnPixels(count, weights.image, seed)), weights.image);
const count = (graph: GraphProto, type: string) => graph.node.filter(({ opType }) => opType === type).length;
/** TensorProto.DataType of onnx.proto3. */
const types = { float32: 1, int8: 3, float16: 10 };
/** Bytes of the file's tensors of a type. */
const stored = (graph: GraphProto, type: number) =>
  graph.initializer.filter(({ dataType }) => dataType === type).reduce((sum, { rawData }) => sum + rawData.length, 0);

const networks = {
  ViT: drawnWeights(tinyViT({ width: 64, mlpDim: 256, gelu: "erf" }), [32, 32, 3]),
  ResNet: drawnWeights(tinyResNet(), [64, 64, 3]),
  Mixer: drawnWeights(tinyMixer(), [32, 32, 3]),
};

describe.each(Object.entries(networks))("%s", (name, weights) => {
  test("float16 halves the file and keeps three digits", async () => {
    const [whole, half] = [await exportOnnx(weights), await exportOnnx(weights, { weights: "float16" })];
    const pixels = pixelsOf(weights, 2);
    expect(half.bytes.length).toBeLessThan(0.65 * whole.bytes.length);
    expect(stored(graphOf(half), types.float16)).toBeGreaterThan(0.4 * stored(graphOf(whole), types.float32));
    const [exact, found] = [await run(whole, { pixel_values: pixels }), await run(half, { pixel_values: pixels })];
    expect(relativeDifference(found["logits"]!, exact["logits"]!)).toBeLessThan(3e-3);
  });

  test("8-bit weights quarter the kernels and keep two digits", async () => {
    const calibration = pixelsOf(weights, 6, 11);
    const [whole, small] = [await exportOnnx(weights), await exportOnnx(weights, { weights: "int8", calibration })];
    const pixels = pixelsOf(weights, 2);
    const [before, after] = [graphOf(whole), graphOf(small)];
    expect(stored(after, types.int8)).toBeGreaterThan(0.2 * stored(before, types.float32));
    expect(stored(after, types.float32)).toBeLessThan(0.4 * stored(before, types.float32));
    const exact = await run(whole, { pixel_values: pixels });
    const found = await run(small, { pixel_values: pixels });
    expect(relativeDifference(found["logits"]!, exact["logits"]!)).toBeLessThan(name === "ResNet" ? 0.1 : 0.05);
    expect(relativeDifference(found["logits"]!, exact["logits"]!)).toBeGreaterThan(0);
  });
});

describe("what is computed in integers", () => {
  test("the products of tokens in a Vision Transformer: six a block, their inputs quantised once for all that read them", async () => {
    const graph = graphOf(await exportOnnx(networks.ViT, { weights: "int8" }));
    expect(count(graph, "MatMulInteger")).toBe(2 * 6);
    // a block's four inputs; of the last, the class token's query is one more
    expect(count(graph, "DynamicQuantizeLinear")).toBe(2 * 4 + 1);
    const plain = await exportAndRun(
      networks.ViT,
      { pixel_values: pixelsOf(networks.ViT, 3) },
      { weights: "int8", operators: "plain" },
    );
    const fused = await exportAndRun(networks.ViT, { pixel_values: pixelsOf(networks.ViT, 3) }, { weights: "int8" });
    expect(relativeDifference(plain["logits"]!, fused["logits"]!)).toBeLessThan(0.02);
  });

  test("integers that are multiplied stay within 64, so that no processor's sums of two products overflow 16 bits", async () => {
    const graph = graphOf(await exportOnnx(networks.ViT, { weights: "int8" }));
    const multiplied = new Set(
      graph.node.flatMap(({ opType, input }) => (opType === "MatMulInteger" ? [input[1]] : [])),
    );
    const kernels = graph.initializer.filter(({ name }) => multiplied.has(name));
    expect(kernels).toHaveLength(12);
    for (const { rawData } of kernels) {
      const largest = new Int8Array(rawData).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      expect(largest).toBe(64);
    }
  });

  test("convolutions, where images tell their ranges; else they are only stored so", async () => {
    const weights = networks.ResNet;
    const quantised = graphOf(await exportOnnx(weights, { weights: "int8", calibration: pixelsOf(weights, 4, 5) }));
    // two units of three convolutions and a shortcut; the root sees pixels and stays float
    expect(count(quantised, "Conv")).toBe(9);
    const dequantised = new Set(
      quantised.node.flatMap(({ opType, output }) => (opType === "DequantizeLinear" ? output : [])),
    );
    const inside = quantised.node.filter(
      ({ opType, input }) => opType === "Conv" && input.every((name) => dequantised.has(name)),
    );
    expect(inside).toHaveLength(8);
    const onlyStored = graphOf(await exportOnnx(weights, { weights: "int8" }));
    expect(count(onlyStored, "DequantizeLinear")).toBe(0);
    expect(stored(onlyStored, types.int8)).toBeGreaterThan(0);
  });

  test("images for calibration that are not whole are refused", async () => {
    const failed = exportOnnx(networks.ResNet, { weights: "int8", calibration: new Float32Array(100) });
    await expect(failed).rejects.toThrow(ExportError);
    await expect(failed).rejects.toThrow(/whole images of 12288 numbers.*got 100/);
  });
});
