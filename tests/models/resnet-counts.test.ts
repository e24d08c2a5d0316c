/** Parameter counts of every published ResNet (papers.md 2.1, 10.10), and which names stand for one. */
import { describe, expect, test } from "vitest";
import { elementCount, input } from "../../src/graph/index.js";
import { publishedResNets, type ResNetConfig, resnet, resnetConfig } from "../../src/models/index.js";
import { Scope } from "../../src/nn/index.js";

function parametersOf(variant: string, changes: Partial<ResNetConfig> = {}): number {
  const scope = Scope.root();
  resnet(scope, input("image", "float32", [1, 32, 32, 3]), resnetConfig(variant, changes));
  return scope.parameters.reduce((total, { tensor }) => total + elementCount(tensor.shape), 0);
}

/** Of 1,000 classes, no head, and 21,843 classes. */
const published: Readonly<Record<string, readonly [number, number, number] | undefined>> = {
  R50x1: [25_549_352, 23_500_352, 68_256_659],
  R101x1: [44_541_480, 42_492_480, 87_248_787],
  R50x3: [217_319_080, 211_174_080, 345_399_315],
  R101x3: [387_934_888, 381_789_888, 516_015_123],
  R152x2: [236_335_208, 232_238_208, 321_728_979],
  R152x4: [936_533_224, 928_340_224, 1_107_299_923],
};

describe("published parameter counts", () => {
  test.each(Object.entries(published))("%s", (variant, counts) => {
    expect([1000, 0, 21_843].map((classes) => parametersOf(variant, { classes }))).toEqual(counts);
  });

  test("ResNet-50 and ResNet-26 of version 1", () => {
    expect(parametersOf("ResNet-50")).toBe(25_557_032);
    expect(parametersOf("ResNet-26")).toBe(15_995_176);
  });

  test("squeeze-and-excitation adds 2,530,992 to ResNet-50", () => {
    expect(parametersOf("ResNet-50", { attention: { kind: "squeezeExcitation" } })).toBe(25_557_032 + 2_530_992);
  });

  test("non-local blocks of the paper: two in stage 2, three in stage 3", () => {
    const block = (c: number) => 3 * ((c * c) / 2 + c / 2) + (c * c) / 2 + c + 2 * c;
    expect(parametersOf("ResNet-50", { attention: { kind: "nonLocal", stages: [2, 3] } })).toBe(
      25_557_032 + 2 * block(512) + 3 * block(1024),
    );
  });
});

test("every published name stands for a configuration", () => {
  for (const name of publishedResNets) expect(resnetConfig(name).blocks, name).toHaveLength(4);
  expect(resnetConfig("R200x3")).toMatchObject({ version: 2, blocks: [3, 24, 36, 3], widthFactor: 3 });
  expect(resnetConfig("R26x0.5")).toMatchObject({ blocks: [2, 2, 2, 2], widthFactor: 0.5 });
  expect(resnetConfig("ResNet-101")).toMatchObject({
    version: 1,
    groupNormEpsilon: 1e-6,
    weightStandardisation: "flax",
  });
  expect(resnetConfig("R50x1")).toMatchObject({ version: 2, groupNormEpsilon: 1e-5, weightStandardisation: "bit" });
});

test.each(["R50", "R34x1", "ResNet-constructor", "r50x1", "R50x0", "ResNet50", "R50x1 ", "R50x1x1", ""])(
  "%j is no ResNet",
  (name) => {
    expect(() => resnetConfig(name)).toThrow(RangeError);
    expect(() => resnetConfig(name)).toThrow(/write R\{layers\}x\{width\}/);
  },
);
