/** First values of parameters: their statistics, their bounds, and what they depend on (papers.md 1.3). */

import { describe, expect, test } from "vitest";
import { input } from "../../src/graph/index.js";
import { type Pooling, type ViTConfig, vit, vitConfig } from "../../src/models/index.js";
import {
  filledWith,
  type Initializer,
  lecunNormal,
  normal,
  ones,
  Scope,
  xavierUniform,
  zeros,
} from "../../src/nn/index.js";
import { keyedRandom } from "../../src/random/named.js";

function statistics(values: Float32Array) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const moment = (power: number) => values.reduce((sum, value) => sum + (value - mean) ** power, 0) / values.length;
  const deviation = Math.sqrt(moment(2));
  return {
    mean,
    deviation,
    kurtosis: moment(4) / deviation ** 4,
    largest: values.reduce((most, value) => Math.max(most, Math.abs(value)), 0),
  };
}

const count = 200_000;
const draw = (initializer: Initializer, seed = 7, name = "kernel", shape: readonly number[] = [count]) =>
  initializer(shape, keyedRandom(seed, name));
/** Five standard errors of a mean of `count` draws of that deviation. */
const near = (deviation: number) => (5 * deviation) / Math.sqrt(count);

describe("statistics", () => {
  test("normal", () => {
    const { mean, deviation, kurtosis, largest } = statistics(draw(normal(0.02)));
    expect(Math.abs(mean)).toBeLessThan(near(0.02));
    expect(deviation / 0.02).toBeCloseTo(1, 2);
    expect(kurtosis).toBeCloseTo(3, 1);
    // not truncated: of 200,000 draws some pass four deviations
    expect(largest).toBeGreaterThan(0.08);
  });

  test("Xavier uniform", () => {
    const bound = Math.sqrt(6 / (192 + 768));
    const { mean, deviation, kurtosis, largest } = statistics(draw(xavierUniform(192, 768)));
    expect(Math.abs(mean)).toBeLessThan(near(bound / Math.sqrt(3)));
    expect(deviation / (bound / Math.sqrt(3))).toBeCloseTo(1, 2);
    expect(kurtosis).toBeCloseTo(1.8, 1);
    expect(largest).toBeLessThanOrEqual(Math.fround(bound));
    expect(largest).toBeGreaterThan(bound * 0.999);
  });

  test("lecun normal: variance 1 / fanIn after truncation at two deviations", () => {
    const fanIn = 16 * 16 * 3;
    const wanted = Math.sqrt(1 / fanIn);
    const { mean, deviation, kurtosis, largest } = statistics(draw(lecunNormal(fanIn)));
    expect(Math.abs(mean)).toBeLessThan(near(wanted));
    expect(deviation / wanted).toBeCloseTo(1, 2);
    const bound = (2 * wanted) / 0.87962566103423978;
    expect(largest).toBeLessThanOrEqual(Math.fround(bound));
    expect(largest).toBeGreaterThan(bound * 0.999);
    // a normal truncated at two deviations: fourth moment over squared variance
    const density = Math.exp(-2) / Math.sqrt(2 * Math.PI);
    const inside = 0.9544997361036416;
    const variance = 1 - (4 * density) / inside;
    const fourth = 3 * variance - (16 * density) / inside;
    expect(Math.sqrt(variance)).toBeCloseTo(0.87962566103423978, 12);
    expect(kurtosis).toBeCloseTo(fourth / variance ** 2, 1);
  });

  test("constants", () => {
    expect(new Set(draw(zeros))).toEqual(new Set([0]));
    expect(new Set(draw(ones))).toEqual(new Set([1]));
    expect(new Set(draw(filledWith(-6.9)))).toEqual(new Set([Math.fround(-6.9)]));
    expect(draw(zeros, 0, "x", [3, 4, 5]).length).toBe(60);
  });
});

describe("the generator", () => {
  const take = (seed: number, name: string, length = 1000) => {
    const random = keyedRandom(seed, name);
    return Array.from({ length }, random);
  };
  const correlation = (a: readonly number[], b: readonly number[]) =>
    (12 / a.length) * a.reduce((sum, value, i) => sum + (value - 0.5) * (b[i]! - 0.5), 0);

  test("gives the same numbers for the same seed and name", () => {
    expect(take(3, "head/kernel")).toEqual(take(3, "head/kernel"));
  });

  test("gives unrelated numbers for another seed, name, or order of characters", () => {
    const base = take(3, "head/kernel", 20_000);
    const known = new Set(base);
    for (const [seed, name] of [
      [4, "head/kernel"],
      [-3, "head/kernel"],
      [3, "head/kernem"],
      [3, "lernek/daeh"],
      [3, "head/kernel/"],
      [3, ""],
    ] as const) {
      const other = take(seed, name, 20_000);
      expect(other.some((value) => known.has(value))).toBe(false);
      expect(Math.abs(correlation(base, other))).toBeLessThan(5 / Math.sqrt(20_000));
    }
  });

  test("fills [0, 1) evenly and without memory", () => {
    const values = take(11, "uniform", count);
    expect(Math.min(...values.slice(0, 100_000))).toBeGreaterThanOrEqual(0);
    expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
    const bins = new Array<number>(100).fill(0);
    for (const value of values) bins[Math.floor(value * 100)]!++;
    const expected = count / 100;
    const chiSquare = bins.reduce((sum, found) => sum + (found - expected) ** 2 / expected, 0);
    // 99 degrees of freedom: mean 99, deviation 14
    expect(chiSquare).toBeGreaterThan(50);
    expect(chiSquare).toBeLessThan(160);
    for (const lag of [1, 2, 3, 64, 192]) {
      const moved = values.slice(lag);
      expect(Math.abs(correlation(values.slice(0, moved.length), moved))).toBeLessThan(5 / Math.sqrt(moved.length));
    }
  });

  test("two names never run through the same numbers, however they are shifted", () => {
    const seen = new Set<number>();
    for (let block = 0; block < 48; block++) {
      const random = keyedRandom(0, `Transformer/encoderblock_${block}/MlpBlock_0/Dense_0/kernel`);
      for (let i = 0; i < 10_000; i++) seen.add(random());
    }
    expect(seen.size).toBe(480_000); // of 2^53 numbers
  });
});

describe("the Vision Transformer's parameters", () => {
  const width = 192;
  const hidden = 768;
  function valuesOf(changes: Partial<ViTConfig> = {}, seed = 5): Record<string, Float32Array> {
    const scope = Scope.root();
    const image = input("image", "float32", [1, 224, 224, 3]);
    vit(scope, image, { ...vitConfig("Ti/16"), depth: 2, ...changes });
    return Object.fromEntries(
      scope.parameters.map(({ name, tensor, initializer }) => [
        name,
        initializer(tensor.shape, keyedRandom(seed, name)),
      ]),
    );
  }

  const deviations: readonly (readonly [RegExp, number])[] = [
    [/^embedding\/kernel$/, Math.sqrt(1 / (16 * 16 * 3))],
    [/pos_embedding$/, 1 / Math.sqrt(width)],
    [/(query|key|value|out)\/kernel$/, Math.sqrt(2 / (width + width))],
    [/Dense_[01]\/kernel$/, Math.sqrt(2 / (width + hidden))],
    [/Dense_[01]\/bias$/, 1e-6],
    [/^pre_logits\/kernel$/, Math.sqrt(1 / width)],
    [/probe$/, Math.sqrt(2 / (1 + width))],
  ];
  const constants: readonly (readonly [RegExp, number])[] = [
    [/scale$/, 1],
    [/^cls$/, 0],
    [/(LayerNorm_[01]|encoder_norm|embedding|query|key|value|out|pre_logits|head)\/bias$/, 0],
    [/^head\/kernel$/, 0],
  ];

  test.each(["tok", "gap", "map"] as const)(
    "with pooling %s each has the reference's initialiser",
    (pooling: Pooling) => {
      const all = Object.entries(valuesOf({ pooling, preLogits: true }));
      for (const [name, values] of all) {
        const constant = constants.find(([pattern]) => pattern.test(name));
        const deviation = deviations.find(([pattern]) => pattern.test(name));
        expect([constant, deviation].filter(Boolean), name).toHaveLength(1);
        if (constant) expect(new Set(values), name).toEqual(new Set([constant[1]]));
        else {
          const found = statistics(values);
          const allowed = 4 / Math.sqrt(values.length);
          expect(Math.abs(found.deviation / deviation![1] - 1), name).toBeLessThan(allowed);
          expect(Math.abs(found.mean / deviation![1]), name).toBeLessThan(allowed);
        }
      }
    },
  );

  test("the bounds follow the fans of the flattened kernels", () => {
    const all = valuesOf({ pooling: "map" });
    const most = (name: string) => statistics(all[name]!).largest;
    const attention = "Transformer/encoderblock_1/MultiHeadDotProductAttention_0";
    const close = (name: string, bound: number, tolerance = 0.001) => {
      expect(most(name)).toBeLessThanOrEqual(Math.fround(bound));
      expect(most(name)).toBeGreaterThan(bound * (1 - tolerance));
    };
    for (const name of ["query", "key", "value", "out"])
      close(`${attention}/${name}/kernel`, Math.sqrt(6 / (2 * width)));
    close("Transformer/encoderblock_0/MlpBlock_0/Dense_1/kernel", Math.sqrt(6 / (width + hidden)));
    close("MAPHead_0/probe", Math.sqrt(6 / (1 + width)), 0.05);
    close("embedding/kernel", (2 * Math.sqrt(1 / 768)) / 0.87962566103423978);
  });

  test("the head's bias takes the value that is asked for", () => {
    expect(new Set(valuesOf({ headBiasInit: -10 })["head/bias"])).toEqual(new Set([-10]));
  });

  test("a parameter's values depend on nothing but the seed, its path and its shape", () => {
    const base = valuesOf({ pooling: "gap" });
    for (const changes of [
      { pooling: "gap", depth: 3 },
      { pooling: "map" },
      { pooling: "gap", preLogits: 64 },
      { pooling: "gap", classes: 0 },
      { pooling: "gap", posEmbedding: "sincos2d" },
      { pooling: "tok", classTokenOrder: "after" },
    ] as const) {
      const other = valuesOf(changes);
      const shared = Object.keys(base).filter((name) => name in other && other[name]!.length === base[name]!.length);
      expect(shared.length).toBeGreaterThan(30);
      for (const name of shared)
        expect(Buffer.from(other[name]!.buffer).equals(Buffer.from(base[name]!.buffer))).toBe(true);
    }
  });

  test("another seed and another block give other values", () => {
    const kernel = (block: number, seed: number) =>
      valuesOf({}, seed)[`Transformer/encoderblock_${block}/MlpBlock_0/Dense_0/kernel`]!.slice(0, 100);
    expect(kernel(0, 5)).not.toEqual(kernel(1, 5));
    expect(kernel(0, 5)).not.toEqual(kernel(0, 6));
  });
});
