/** What a ResNet gives by name, what it starts from, and what changes in training. */

import { describe, expect, test } from "vitest";
import { costOf, elementCount, grad, input, reduceSum, ShapeError } from "../../src/graph/index.js";
import { drawsInTraining, model, requireClassifier, resnetConfig } from "../../src/models/index.js";
import { Scope } from "../../src/nn/index.js";
import { keyedRandom } from "../../src/random/named.js";
import { evaluate } from "../../src/runtime/index.js";
import { resnetValues, traceTinyResNet } from "../support/resnet-cases.js";
import { evaluateAmong } from "../support/run.js";
import { type ImageShape, uniform } from "../support/vit-cases.js";

const shape: ImageShape = [2, 17, 20, 3];
const pixels = uniform(elementCount(shape), "pixels");

describe("names", () => {
  test("parameters of version 2, kernels OIHW", () => {
    const { parameters } = traceTinyResNet({ blocks: [1, 1] }, shape);
    expect(Object.fromEntries(parameters.map(({ name, tensor }) => [name, tensor.shape]))).toEqual({
      "conv_root/kernel": [8, 3, 7, 7],
      "block1/unit1/gn1/scale": [8],
      "block1/unit1/gn1/bias": [8],
      "block1/unit1/conv_proj/kernel": [32, 8, 1, 1],
      "block1/unit1/conv1/kernel": [8, 8, 1, 1],
      "block1/unit1/gn2/scale": [8],
      "block1/unit1/gn2/bias": [8],
      "block1/unit1/conv2/kernel": [8, 8, 3, 3],
      "block1/unit1/gn3/scale": [8],
      "block1/unit1/gn3/bias": [8],
      "block1/unit1/conv3/kernel": [32, 8, 1, 1],
      "block2/unit1/gn1/scale": [32],
      "block2/unit1/gn1/bias": [32],
      "block2/unit1/conv_proj/kernel": [64, 32, 1, 1],
      "block2/unit1/conv1/kernel": [16, 32, 1, 1],
      "block2/unit1/gn2/scale": [16],
      "block2/unit1/gn2/bias": [16],
      "block2/unit1/conv2/kernel": [16, 16, 3, 3],
      "block2/unit1/gn3/scale": [16],
      "block2/unit1/gn3/bias": [16],
      "block2/unit1/conv3/kernel": [64, 16, 1, 1],
      "norm/scale": [64],
      "norm/bias": [64],
      "head/kernel": [64, 3],
      "head/bias": [3],
    });
  });

  test("version 1 has norms at the root and the shortcut, and none at the end", () => {
    const names = traceTinyResNet({ version: 1, blocks: [1] }, shape).parameters.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["gn_root/scale", "block1/unit1/gn_proj/scale"]));
    expect(names).not.toContain("norm/scale");
  });

  test("intermediates and their shapes", () => {
    const { output } = traceTinyResNet({ attention: { kind: "squeezeExcitation", stages: [2] } }, shape);
    expect(Object.fromEntries(Object.entries(output.intermediates).map(([name, x]) => [name, x.shape]))).toEqual({
      root: [2, 8, 5, 5],
      "block1/unit1/output": [2, 32, 5, 5],
      "block1/output": [2, 32, 5, 5],
      "block2/unit1/se/gate": [2, 64],
      "block2/unit1/output": [2, 64, 3, 3],
      "block2/unit2/se/gate": [2, 64],
      "block2/unit2/output": [2, 64, 3, 3],
      "block2/output": [2, 64, 3, 3],
      features: [2, 64, 3, 3],
      preLogits: [2, 64],
      logits: [2, 3],
    });
  });
});

test("a full model halves the image five times and ends in 2048 channels", () => {
  const scope = Scope.root();
  const image = input("image", "float32", [1, 224, 224, 3]);
  const { preLogits, intermediates } = model(scope, image, { family: "resnet", ...resnetConfig("R50x1") });
  expect(preLogits.shape).toEqual([1, 2048]);
  expect(intermediates["root"]!.shape).toEqual([1, 64, 56, 56]);
  expect(intermediates["features"]!.shape).toEqual([1, 2048, 7, 7]);
});

test("fresh models: the logits are the head's bias, a unit of version 1 is its shortcut", async () => {
  const { output, parameters } = traceTinyResNet({ headBiasInit: -3, version: 1 }, shape);
  const fresh = Object.fromEntries(
    parameters.map(({ name, tensor, initializer }) => [name, initializer(tensor.shape, keyedRandom(1, name))]),
  );
  const { logits, before, after } = await evaluate(
    {
      logits: output.logits!,
      before: output.intermediates["block2/unit1/output"]!,
      after: output.intermediates["block2/unit2/output"]!,
    },
    { image: pixels, ...fresh },
  );
  expect(Array.from(logits as Float32Array)).toEqual(new Array(6).fill(-3));
  expect(after).toEqual(before);
});

test("rematerialised units are computed again and give the same gradients", async () => {
  const both = await Promise.all(
    [false, true].map(async (rematerialise) => {
      const { output, parameters } = traceTinyResNet({ rematerialise }, shape);
      const gradients = grad(
        reduceSum(output.logits!),
        parameters.map(({ tensor }) => tensor),
      );
      const outputs = Object.fromEntries(parameters.map(({ name }, i) => [`d ${name}`, gradients[i]!]));
      const found = await evaluateAmong(outputs, { image: pixels, ...resnetValues(parameters) });
      return { found, flops: costOf(gradients).flops };
    }),
  );
  for (const [name, values] of Object.entries(both[0]!.found)) {
    const other = both[1]!.found[name] as Float32Array;
    (values as Float32Array).forEach((value, i) => {
      expect(other[i], name).toBeCloseTo(value, 4);
    });
  }
  expect(both[1]!.flops).toBeGreaterThan(1.1 * both[0]!.flops);
});

describe("stochastic depth", () => {
  const seed = input("seed", "int32", []);
  const dropped = async (version: 1 | 2, changes: object, value: number) => {
    const { output, parameters } = traceTinyResNet({ version, stochasticDepth: 1, ...changes }, shape, { seed });
    return evaluate(
      {
        before: output.intermediates["block2/unit1/output"]!,
        after: output.intermediates["block2/unit2/output"]!,
        logits: output.logits!,
      },
      { image: pixels, ...resnetValues(parameters), seed: Int32Array.of(value) },
    );
  };

  test.each([1, 2] as const)("the last unit of version %i is always dropped at rate 1", async (version) => {
    const { before, after } = await dropped(version, { stochasticDepthRescale: false }, 5);
    expect(after).toEqual(before);
  });

  test("the seed decides, and the first unit is always there", async () => {
    const logits = await Promise.all(
      [1, 2, 3, 4, 5, 6].map(async (value) => (await dropped(2, { stochasticDepthRescale: false }, value)).logits),
    );
    expect(new Set(logits.map(String)).size).toBeGreaterThan(1);
  });

  test("outside training nothing is drawn", async () => {
    const [with1, without] = await Promise.all(
      [1, 0].map(async (stochasticDepth) => {
        const { output, parameters } = traceTinyResNet({ stochasticDepth }, shape);
        return evaluate({ logits: output.logits! }, { image: pixels, ...resnetValues(parameters) });
      }),
    );
    expect(with1).toEqual(without);
  });
});

test("what a trainer asks", () => {
  const config = { family: "resnet", ...resnetConfig("R50x1") } as const;
  expect(drawsInTraining(config)).toBe(false);
  expect(drawsInTraining({ ...config, stochasticDepth: 0.1 })).toBe(true);
  expect(() => requireClassifier(config)).not.toThrow();
  expect(() => requireClassifier({ ...config, classes: 0 })).toThrow(RangeError);
});

test("what is no image, or does not divide into groups, is refused", () => {
  expect(() => traceTinyResNet({}, [2, 3, 4] as unknown as ImageShape)).toThrow(/resnet: images/);
  expect(() => traceTinyResNet({ groups: 5 }, shape)).toThrow(ShapeError);
});
