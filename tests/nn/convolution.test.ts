/** Convolution layers: padding, what they refuse, their first values, and blocks of attention that start as nothing. */

import { describe, expect, test } from "vitest";
import { input, ShapeError, sameShape } from "../../src/graph/index.js";
import {
  convolution,
  groupNormLayer,
  nonLocalBlock,
  Scope,
  samePadding,
  squeezeExcitation,
  standardisedConvolution,
  toNCHW,
  zeros,
} from "../../src/nn/index.js";
import { keyedRandom } from "../../src/random/named.js";
import { evaluate } from "../../src/runtime/index.js";
import { uniform } from "../support/vit-cases.js";

const image = (...shape: number[]) => input("image", "float32", shape);
const first = (scope: Scope) =>
  Object.fromEntries(
    scope.parameters.map(({ name, tensor, initializer }) => [name, initializer(tensor.shape, keyedRandom(3, name))]),
  );

test.each([
  [224, 7, 2, [2, 3]],
  [112, 3, 2, [0, 1]],
  [113, 3, 2, [1, 1]],
  [56, 3, 1, [1, 1]],
  [56, 1, 2, [0, 0]],
  [7, 2, 1, [0, 1]],
  [1, 7, 2, [3, 3]],
  [10, 2, 5, [0, 0]],
] as const)("SAME padding of %i by %i at stride %i", (size, kernel, stride, expected) => {
  const [before, after] = samePadding(size, kernel, stride);
  expect([before, after]).toEqual(expected);
  expect(Math.floor((size + before + after - kernel) / stride) + 1).toBe(Math.ceil(size / stride));
});

test("SAME padding gives ceil(size / stride) rows and columns", () => {
  const layer = { channels: 4, kernel: [7, 3], stride: [2, 3], padding: "same", form: "bit" } as const;
  const y = standardisedConvolution(Scope.root(), image(2, 3, 11, 13), layer);
  expect(y.shape).toEqual([2, 4, 6, 5]);
});

test("kernels are OIHW, the bias is asked for", () => {
  const scope = Scope.root();
  convolution(scope.at("plain"), image(1, 5, 8, 8), { channels: 4, kernel: [3, 2] });
  convolution(scope.at("biased"), image(1, 5, 8, 8), { channels: 4, kernel: 1, bias: true });
  const shapes = Object.fromEntries(scope.parameters.map(({ name, tensor }) => [name, tensor.shape]));
  expect(shapes).toEqual({ "plain/kernel": [4, 5, 3, 2], "biased/kernel": [4, 5, 1, 1], "biased/bias": [4] });
});

test("kernels start with variance 1 / fan-in, norms with scale 1 and bias 0", () => {
  const scope = Scope.root();
  const x = standardisedConvolution(scope, image(1, 32, 4, 4), { channels: 64, kernel: 3, form: "flax" });
  groupNormLayer(scope.at("norm"), x, { groups: 8, epsilon: 1e-5 });
  const values = first(scope);
  const kernel = values["kernel"]!;
  const variance = kernel.reduce((sum, value) => sum + value * value, 0) / kernel.length;
  expect(variance * 32 * 9).toBeGreaterThan(0.95);
  expect(variance * 32 * 9).toBeLessThan(1.05);
  expect(Math.max(...kernel.map(Math.abs))).toBeLessThan((2 / 0.8796 / Math.sqrt(32 * 9)) * 1.0001);
  expect(new Set(values["norm/scale"])).toEqual(new Set([1]));
  expect(new Set(values["norm/bias"])).toEqual(new Set([0]));
});

describe("what does not fit is refused", () => {
  test("images without four axes", () => {
    expect(() => toNCHW(image(2, 3, 4))).toThrow(ShapeError);
    const layer = { channels: 2, kernel: 1, form: "bit" } as const;
    expect(() => standardisedConvolution(Scope.root(), image(2, 3, 4), layer)).toThrow(/\[N, C, H, W\]/);
    expect(() => squeezeExcitation(Scope.root(), image(2, 3))).toThrow(/squeezeExcitation.*\[N, C, H, W\]/);
    const norm = { groups: 1, epsilon: 1e-5 };
    expect(() => nonLocalBlock(Scope.root(), image(2, 3, 4), norm)).toThrow(/nonLocalBlock/);
  });
  test("groups that do not divide the channels", () => {
    expect(() => groupNormLayer(Scope.root(), image(1, 6, 2, 2), { groups: 4, epsilon: 1e-5 })).toThrow(ShapeError);
  });
  test("a kernel larger than the padded image", () => {
    expect(() => convolution(Scope.root(), image(1, 1, 2, 2), { channels: 1, kernel: 5, padding: 1 })).toThrow(
      /kernel of 5/,
    );
  });
});

test("NHWC images become NCHW", async () => {
  const y = toNCHW(image(1, 2, 2, 3));
  const { y: values } = await evaluate({ y }, { image: Float32Array.from({ length: 12 }, (_, i) => i) });
  expect(Array.from(values as Float32Array)).toEqual([0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]);
});

test("a fresh non-local block is the identity, and attends", async () => {
  const scope = Scope.root();
  const x = image(2, 8, 3, 4);
  const y = nonLocalBlock(scope, x, { groups: 2, epsilon: 1e-5 });
  const pixels = uniform(2 * 8 * 12, "pixels");
  const { y: values, weights } = await evaluate(
    { y, weights: scope.intermediates["attentionWeights"]! },
    { image: pixels, ...first(scope) },
  );
  expect(sameShape(scope.intermediates["attentionWeights"]!.shape, [2, 12, 12])).toBe(true);
  (values as Float32Array).forEach((value, i) => {
    expect(value).toBe(pixels[i]);
  });
  const row = (weights as Float32Array).slice(0, 12);
  expect(row.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5);
  expect(Math.max(...row) - Math.min(...row)).toBeGreaterThan(1e-3);
});

test("the gate of squeeze-and-excitation is one number a channel, a half where nothing is learned", async () => {
  const scope = Scope.root();
  const y = squeezeExcitation(scope, image(1, 32, 2, 2));
  const pixels = uniform(128, "pixels");
  const shapes = Object.fromEntries(scope.parameters.map(({ name, tensor }) => [name, tensor.shape]));
  expect(shapes).toEqual({
    "squeeze/kernel": [32, 2],
    "squeeze/bias": [2],
    "excite/kernel": [2, 32],
    "excite/bias": [32],
  });
  const nothing = Object.fromEntries(scope.parameters.map(({ name, tensor }) => [name, zeros(tensor.shape, () => 0)]));
  const { y: values } = await evaluate({ y }, { image: pixels, ...nothing });
  (values as Float32Array).forEach((value, i) => {
    expect(value).toBeCloseTo(pixels[i]! / 2, 6);
  });
});
