/**
 * The registry: every published model with its count, which names it reads, and that each model can be traced at any size.
 */
import { describe, expect, test } from "vitest";
import { input } from "../../src/graph/index.js";
import {
  model,
  modelSeries,
  modelSize,
  parseModelName,
  publishedModels,
  resnetConfig,
  vitConfig,
} from "../../src/models/index.js";
import { Scope } from "../../src/nn/index.js";

// name: parameters at 224 pixels with 1000 classes (papers.md 1.4, 2.1, 3.1, 3.2, 15.2), pooled by the mean where the series is
// "vit". Rows marked as ours were published without an exact count; other tests hold them against formulas.
const table: Record<string, number> = {
  "mu/16": 76_648,
  "s/28": 5_614_824,
  "s/16": 5_243_112,
  "Ti/16": 5_717_032,
  "S/32": 22_878_184,
  "S/16": 22_049_896,
  "M/16": 38_836_712,
  "B/32": 88_222_696,
  "B/28": 87_681_256, // ours
  "B/16": 86_566_120,
  "B/8": 86_575_336, // published with a class token: 1536 more
  "L/32": 306_533_352, // published with a class token: 2048 more
  "L/16": 304_324_584,
  "So400m/14": 413_595_352,
  "H/14": 632_043_240,
  "g/14": 1_012_608_616,
  "g-opt/14": 1_136_098_792, // ours
  "G/14": 1_844_437_352,
  "G-opt/14": 1_664_839_144, // ours
  "e/14": 3_807_210_728,
  "R+Ti/16": 6_337_704,
  "R26+S/32": 36_431_912,
  "R26+B/32": 101_383_976,
  "R50+B/16": 98_659_112,
  "R50+L/32": 328_994_856,
  "P-1GF": 4_830_376, // ours, like the rest of these eight
  "C-1GF": 4_567_936,
  "P-4GF": 18_507_112,
  "C-4GF": 17_754_136,
  "P-18GF": 86_567_656, // B/16 with a class token
  "C-18GF": 81_573_160,
  "P-36GF": 178_364_392,
  "C-36GF": 167_796_008,
  "Mixer-S/32": 19_104_624,
  "Mixer-S/16": 18_528_264,
  "Mixer-B/32": 60_293_428,
  "Mixer-B/16": 59_880_472,
  "Mixer-L/32": 206_939_264,
  "Mixer-L/16": 208_196_168,
  "Mixer-H/14": 432_350_952,
  R50x1: 25_549_352,
  R50x3: 217_319_080,
  R101x1: 44_541_480,
  R101x3: 387_934_888,
  R152x2: 236_335_208,
  R152x4: 936_533_224,
  R200x3: 568_633_000, // ours
  "ResNet-26": 15_995_176,
  "ResNet-50": 25_557_032,
  "MobileNetV2-0.35": 1_677_128, // ours, like the others whose width is not 1
  "MobileNetV2-0.5": 1_968_680,
  "MobileNetV2-0.75": 2_636_424,
  "MobileNetV2-1.0": 3_504_872,
  "MobileNetV2-1.3": 5_386_792,
  "MobileNetV2-1.4": 6_108_776,
  "MobileNetV3-large-0.75": 3_993_528,
  "MobileNetV3-large-1.0": 5_483_032,
  "MobileNetV3-small-0.75": 2_041_872,
  "MobileNetV3-small-1.0": 2_542_856,
};

/** The others are counted in successor-counts.test.ts. */
const own = publishedModels.filter(({ series }) => series !== "successors");

describe("published models", () => {
  test("each has a row, once", () => {
    expect(own.map(({ name }) => name).sort()).toEqual(Object.keys(table).sort());
  });

  test.each(Object.entries(table))("%s has %i parameters", (name, expected) => {
    expect(modelSize(name).parameters).toBe(expected);
  });

  test("each says what it takes, and its name gives its configuration", () => {
    for (const { name, series, family, config, imageSize, preprocessing, source } of own) {
      expect(config.classes).toBe(1000);
      expect(parseModelName(name)).toEqual(config);
      expect(config.family).toBe(family);
      expect({ imageSize, preprocessing }).toEqual({ imageSize: 224, preprocessing: "value_range(-1,1)" });
      expect(source).toBe(modelSeries[series].source);
    }
    expect(new Set(publishedModels.map(({ series }) => series))).toEqual(new Set(Object.keys(modelSeries)));
  });

  test("each takes images of any size, not square, and any number of classes", () => {
    const kept = new Set(Object.keys(modelSeries));
    for (const { series, name } of publishedModels) {
      if (!kept.delete(series)) continue; // one of each series
      const scope = Scope.root();
      const { logits, preLogits } = model(
        scope,
        input("image", "float32", [2, 70, 99, 3]),
        parseModelName(name, { classes: 7 }),
      );
      expect(logits!.shape).toEqual([2, 7]);
      expect(preLogits.shape[0]).toBe(2);
      const headless = model(
        Scope.root(),
        input("image", "float32", [1, 64, 64, 1]),
        parseModelName(name, { classes: 0 }),
      );
      expect(headless.logits).toBeUndefined();
    }
  });
});

/** ResNet-v2, written from papers.md 2.1. */
function resnetFormula(blocks: readonly number[], factor: number, classes: number): number {
  let from = 64 * factor;
  let total = 7 * 7 * 3 * from;
  blocks.forEach((units, stage) => {
    const middle = 64 * factor * 2 ** stage;
    for (let unit = 0; unit < units; unit++) {
      total += from * middle + 9 * middle ** 2 + middle * 4 * middle + 2 * (from + 2 * middle);
      if (unit === 0) total += from * 4 * middle;
      from = 4 * middle;
    }
  });
  return total + 2 * from + from * classes + classes;
}

test("the ResNets without a published count agree with the formula", () => {
  expect(resnetFormula([3, 4, 6, 3], 1, 1000)).toBe(table["R50x1"]);
  expect(resnetFormula([3, 24, 36, 3], 3, 1000)).toBe(table["R200x3"]);
});

describe("early convolutions (papers.md 10.8)", () => {
  // millions of parameters and 10^9 multiply-adds, as printed
  const rows: [string, number, number][] = [
    ["P-1GF", 4.8, 1.1],
    ["C-1GF", 4.6, 1.1],
    ["P-4GF", 18.5, 3.9],
    ["C-4GF", 17.8, 4.0],
    ["P-18GF", 86.7, 17.5],
    ["C-18GF", 81.6, 17.7],
    ["P-36GF", 178.4, 35.9],
    ["C-36GF", 167.8, 35.0],
  ];
  test.each(rows)("%s has %d million parameters and %d GFLOP", (name, millions, multiplyAdds) => {
    const { parameters, flops } = modelSize(name);
    // seven agree in every printed digit; P-18GF is ViT-B/16 (86.57), printed as 86.7
    expect(Math.abs(parameters / 1e6 - millions)).toBeLessThan(name === "P-18GF" ? 0.14 : 0.05);
    expect(Math.abs(flops / 2e9 - multiplyAdds)).toBeLessThan(0.08);
  });

  test("the count of C-4GF, part by part", () => {
    const stem = [3, 48, 96, 192, 384].reduce(
      (sum, count, i, all) => (i ? sum + 9 * count * all[i - 1]! + 2 * count : 0),
      0,
    );
    const [d, m] = [384, 1152];
    const block = 4 * (d * d + d) + (d * m + m) + (m * d + d) + 4 * d;
    const around = d * d + d + d + 197 * d + 2 * d + d * 1000 + 1000;
    expect(table["C-4GF"]).toBe(stem + 11 * block + around);
  });

  test("a stem of its own: strides, groups, and patches on what it gives", () => {
    const stem = { kind: "convolutions", channels: [8, 8], strides: [2, 1], groups: 2 } as const;
    const scope = Scope.root();
    const config = { family: "vit", ...vitConfig("Ti/4", { stem, classes: 5 }) } as const;
    const { intermediates } = model(scope, input("image", "float32", [1, 32, 48, 3]), config);
    expect(intermediates["stem/conv2/output"]!.shape).toEqual([1, 8, 16, 24]);
    expect(intermediates["stem"]!.shape).toEqual([1, 4 * 6, 192]);
    const names = scope.parameters.filter(({ name }) => name.startsWith("stem/")).map(({ name }) => name);
    expect(names).toEqual(
      [1, 2].flatMap((i) => [`conv${i}/kernel`, `norm${i}/scale`, `norm${i}/bias`]).map((name) => `stem/${name}`),
    );
    expect(() =>
      model(Scope.root(), input("image", "float32", [1, 32, 32, 3]), { ...config, stem: { ...stem, strides: [2] } }),
    ).toThrow(/2 convolutions has 1 strides; expected one for each/);
  });
});

describe("names", () => {
  test("of any family, with changes", () => {
    expect(parseModelName("S/16")).toEqual({ family: "vit", ...vitConfig("S/16") });
    expect(parseModelName("ViT-S/16")).toEqual(parseModelName("S/16"));
    expect(parseModelName("R50+ViT-B/16")).toEqual(parseModelName("R50+B/16"));
    expect(parseModelName("R101x3", { classes: 5 })).toEqual({
      family: "resnet",
      ...resnetConfig("R101x3", { classes: 5 }),
    });
    expect(parseModelName("Mixer-L/8", { stochasticDepth: 0.1 })).toMatchObject({
      family: "mixer",
      patchSize: 8,
      depth: 24,
      stochasticDepth: 0.1,
      stochasticDepthRescale: false,
    });
  });

  test.each([
    ["", /unknown model ""; names are like/],
    ["So400/14", /unknown model "So400\/14"; did you mean "So400m\/14"/],
    ["Mixer-B16", /did you mean "Mixer-B\/16"/],
    ["Mixer-X/16", /did you mean "Mixer-B\/16"|did you mean "Mixer-S\/16"/],
    ["R51x1", /unknown model "R51x1"; did you mean "R50x1"/],
    ["resnet-50", /unknown model "resnet-50"; did you mean "ResNet-50"/],
    ["constructor", /unknown model "constructor"/],
    ["Mixer-constructor/16", /unknown model/],
    ["__proto__/16", /unknown model "__proto__\/16"/],
  ])("%j is refused", (name, message) => {
    expect(() => parseModelName(name)).toThrow(message);
    expect(() => modelSize(name)).toThrow(RangeError);
  });
});
