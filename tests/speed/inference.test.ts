/**
 * The inference benchmark measures what it says, and the graph it compares with computes the same; how fast is no matter of a test.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { encodeOnnx, type OnnxGraph } from "../../src/graph/index.js";
import { openSession } from "../../src/runtime/index.js";
import { benchInference, type InferenceBench, integerRate, plainResNet, plainViT } from "../../src/speed/index.js";
import { largestOfRows, nearestMeanHead } from "../../src/speed/inference-images.js";
import type { Weights } from "../../src/weights/index.js";
import {
  channelsFirst,
  drawnPixels,
  drawnWeights,
  ownResults,
  relativeDifference,
  scaled,
  tinyResNet,
  tinyViT,
} from "../export/support.js";

/** What the benchmark sets for plain graphs: this fusion turns zero padding into padding with minus infinity. */
const settings = { "optimization.disable_specified_optimizers": "Pad_Fusion" };

async function agrees(graph: OnnxGraph, weights: Weights) {
  const images = scaled(drawnPixels(3, weights.image));
  const session = await openSession(encodeOnnx(graph), { settings, threads: 1 });
  const { logits } = await session.run({ pixel_values: channelsFirst(images, weights.image) });
  await session.close();
  expect(relativeDifference(logits as Float32Array, (await ownResults(weights, images)).logits)).toBeLessThan(1e-5);
}

describe("the converter's graph", () => {
  test("of a Vision Transformer gives what ours gives, in small steps", async () => {
    const weights = drawnWeights(tinyViT({ gelu: "erf" }), [40, 32, 3]);
    const graph = plainViT(weights.config as never, [40, 32, 3], weights.tensors);
    const types = new Set(graph.nodes.map(({ type }) => type));
    for (const fused of ["LayerNormalization", "Gelu", "MultiHeadAttention"]) expect(types).not.toContain(fused);
    expect([...types]).toEqual(expect.arrayContaining(["Conv", "ReduceMean", "Pow", "Sqrt", "Erf", "Softmax"]));
    await agrees(graph, weights);
  });

  test.each(["zeros", "none"] as const)("of a ResNet, its root pool padded with %s", async (rootPoolPadding) => {
    const weights = drawnWeights(tinyResNet({ rootPoolPadding }), [48, 32, 3]);
    const graph = plainResNet(weights.config as never, [48, 32, 3], weights.tensors);
    expect(graph.nodes.map(({ type }) => type)).toContain("InstanceNormalization");
    await agrees(graph, weights);
  });

  test("is refused for networks it is not written for", () => {
    const weights = drawnWeights(tinyViT({ gelu: "tanh" }), [32, 32, 3]);
    expect(() => plainViT(weights.config as never, [32, 32, 3], weights.tensors)).toThrow(RangeError);
    const other = drawnWeights(tinyResNet({ version: 1 }), [32, 32, 3]);
    expect(() => plainResNet(other.config as never, [32, 32, 3], other.tensors)).toThrow(RangeError);
  });
});

test("the rate of 8-bit products is a number of products by time, whatever the machine", async () => {
  const rate = await integerRate(1, 1);
  expect(rate).toBeGreaterThan(0.1);
  expect(rate).toBeLessThan(50);
});

test("the head names the class whose mean is nearest", () => {
  // classes around (0, 0), (4, 0) and (0, 40), the second feature ten times as wide
  const features = Float32Array.of(-1, 0, 1, 0, 3, 0, 5, 0, 0, 30, 0, 50);
  const { kernel, bias } = nearestMeanHead(features, [0, 0, 1, 1, 2, 2], 4);
  const logits = (x: number, y: number) => [0, 1, 2, 3].map((k) => x * kernel[k]! + y * kernel[4 + k]! + bias[k]!);
  const named = [
    [0.5, 3],
    [3, 3],
    [1, 35],
  ].map(([x, y]) => largestOfRows(Float32Array.from(logits(x!, y!)), 1)[0]);
  expect(named).toEqual([0, 1, 2]);
});

describe.each(["mu/16", "R26x0.5"])("%s", (model) => {
  let bench: InferenceBench;
  beforeAll(async () => {
    bench = await benchInference({
      model,
      imageSize: 32,
      batches: [1, 2],
      rounds: 1,
      images: 12,
      source: "embedded:clothing",
      threads: 1,
    });
  }, 60_000);

  test("every form has a rate, and the ratios are theirs", () => {
    expect(Object.keys(bench.batches)).toEqual(["1", "2"]);
    for (const rates of Object.values(bench.batches)) {
      for (const [key, value] of Object.entries(rates)) expect(value, key).toBeGreaterThan(0);
      expect(rates.ratio).toBeCloseTo(rates.float32 / rates.plain!, 10);
      expect(rates.ratioInt8).toBeCloseTo(rates.int8 / rates.float32, 10);
    }
  });

  test("the forms compute the same: exactly, or nearly where weights have fewer bits", () => {
    expect(bench.difference).toBeLessThan(1e-4);
    expect(bench.agreement.images).toBe(12);
    expect(bench.agreement.float16).toBeGreaterThan(0.9);
    expect(bench.agreement.int8).toBeGreaterThan(0.7);
  });
});

test("a network that converters' graphs are not written for has no such rate", async () => {
  const options = { imageSize: 32, batches: [1], rounds: 1, images: 4, source: "embedded:clothing", threads: 1 };
  const bench = await benchInference({ ...options, model: "ResNet-26x0.5" });
  expect(bench.batches["1"]!.plain).toBeUndefined();
  expect(bench.batches["1"]!.float32).toBeGreaterThan(0);
}, 60_000);
