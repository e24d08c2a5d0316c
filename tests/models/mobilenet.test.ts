/** The MobileNets: published counts, every intermediate against a plain float64 network, gradients against its differences. */
import { describe, expect, test } from "vitest";
import { elementCount, input } from "../../src/graph/index.js";
import {
  type MobileNetConfig,
  mobilenet,
  mobilenetConfig,
  modelSize,
  publishedMobileNets,
  representationWidth,
} from "../../src/models/index.js";
import { type Parameter, Scope } from "../../src/nn/index.js";
import { evenlySpread, expectGradients } from "../support/gradients.js";
import { expectIntermediates } from "../support/intermediates.js";
import { plainMobileNet } from "../support/plain-mobilenet.js";
import { type ImageShape, uniform } from "../support/vit-cases.js";

/**
 * Parameters with 1000 classes, and millions of multiply-adds. Parameters of width 1: torchvision; the others are counted here, and agree with the
 * README of the authors' code to its 50,000. Multiply-adds: that README, and for V3-small the paper (papers.md 15.2).
 */
const published: Readonly<
  Record<string, { readonly parameters: number; readonly multiplyAdds: Record<number, number> }>
> = {
  "MobileNetV2-0.35": { parameters: 1_677_128, multiplyAdds: { 224: 59, 192: 43, 160: 30, 128: 20, 96: 11 } },
  "MobileNetV2-0.5": { parameters: 1_968_680, multiplyAdds: { 224: 97, 192: 71, 160: 50, 128: 32, 96: 18 } },
  "MobileNetV2-0.75": { parameters: 2_636_424, multiplyAdds: { 224: 209, 192: 153, 160: 107, 128: 69, 96: 39 } },
  "MobileNetV2-1.0": { parameters: 3_504_872, multiplyAdds: { 224: 300, 192: 221, 160: 154, 128: 99, 96: 56 } },
  "MobileNetV2-1.3": { parameters: 5_386_792, multiplyAdds: { 224: 509 } },
  "MobileNetV2-1.4": { parameters: 6_108_776, multiplyAdds: { 224: 582 } },
  "MobileNetV3-large-0.75": { parameters: 3_993_528, multiplyAdds: { 224: 155 } },
  "MobileNetV3-large-1.0": { parameters: 5_483_032, multiplyAdds: { 224: 217 } },
  "MobileNetV3-small-0.75": { parameters: 2_041_872, multiplyAdds: { 224: 44 } },
  "MobileNetV3-small-1.0": { parameters: 2_542_856, multiplyAdds: { 224: 56 } },
};

test.each(publishedMobileNets)("%s has the published counts", (name) => {
  const { parameters, multiplyAdds } = published[name]!;
  expect(modelSize(name).parameters).toBe(parameters);
  for (const [side, millions] of Object.entries(multiplyAdds)) {
    // published in whole millions, rounded one way or the other
    const counted = modelSize(name, { size: Number(side) }).flops / 2e6;
    expect(Math.abs(counted - millions), `${side} px: ${counted}`).toBeLessThan(1);
  }
});

test("names, widths and settings", () => {
  expect(mobilenetConfig("V2-0.5")).toEqual(mobilenetConfig("MobileNetV2-0.5"));
  const width = (name: string, changes: Partial<MobileNetConfig> = {}) =>
    representationWidth({ family: "mobilenet", ...mobilenetConfig(name, changes) }, [32, 32, 3]);
  expect(["V2-0.35", "V2-1.4", "V3-large-0.75", "V3-small-1.0"].map((name) => width(name))).toEqual([
    1280, 1792, 1280, 1024,
  ]);
  expect(width("V2-1.0", { featureWidth: 640 })).toBe(640);
  for (const wrong of ["V2", "V1-1.0", "V3-1.0", "MobileNetV2-0", "MobileNetV2-x", "constructor-1.0"]) {
    expect(() => mobilenetConfig(wrong), wrong).toThrow(/unknown MobileNet ".*"; write MobileNet\{architecture\}/);
  }
});

interface Case {
  readonly name: string;
  readonly changes?: Partial<MobileNetConfig>;
  readonly image: ImageShape;
  /** Norms have the statistics of the batch. */
  readonly training?: boolean;
}

const cases: readonly Case[] = [
  { name: "V2-0.1", image: [2, 40, 46, 3] },
  { name: "V2-0.1", image: [1, 33, 32, 1], changes: { padding: "symmetric", classes: 0, featureWidth: 24 } },
  { name: "V2-0.3", image: [1, 32, 32, 3], changes: { activation: "relu" } },
  { name: "V3-large-0.1", image: [1, 37, 40, 3], changes: { batchNormEpsilon: 0.1 } },
  { name: "V3-small-0.2", image: [2, 40, 33, 3], changes: { padding: "symmetric" } },
  { name: "V2-0.1", image: [8, 34, 32, 3], training: true },
  { name: "V3-small-0.1", image: [9, 32, 32, 3], training: true },
];

const titleOf = ({ name, changes, image, training }: Case) =>
  `${name} ${JSON.stringify(changes ?? {})} on [${image}]${training ? " in training" : ""}`;

function traced({ name, changes, image: shape, training }: Case) {
  const config = mobilenetConfig(name, { classes: 3, ...changes });
  const scope = Scope.root(training ? { updates: new Map() } : {});
  const image = input("image", "float32", shape);
  const output = mobilenet(scope, image, config);
  return { config, scope, image, output };
}

/** Values that leave none without influence, and keep the size of what passes through. */
function valuesOf(parameters: readonly Parameter[]): Record<string, Float32Array> {
  return Object.fromEntries(
    parameters.map(({ name, tensor: { shape } }) => {
      const values = uniform(elementCount(shape), name);
      if (/(scale|variance)$/.test(name)) return [name, values.map((u) => 1 + 0.3 * u)];
      if (!name.endsWith("kernel")) return [name, values.map((u) => 0.5 * u)];
      const fanIn = shape.length === 4 ? elementCount(shape.slice(1)) : shape[0]!;
      return [name, values.map((u) => u * Math.sqrt(4 / fanIn))];
    }),
  );
}

test.each(cases.map((one) => [titleOf(one), one] as const))("forward: %s", async (_, one) => {
  const { config, scope, output } = traced(one);
  const used = scope.parameters.filter(({ isStatistic }) => !(one.training && isStatistic));
  await expectIntermediates(
    output.intermediates,
    used,
    one.image,
    (values, pixels) => plainMobileNet(values, pixels, one.image, config, one.training ? {} : undefined),
    "cpu",
    // normalised by few numbers, differences of rounding grow from layer to layer
    { values: valuesOf(used), tolerance: one.training ? 5e-5 : 1e-5 },
  );
});

const differentiated: readonly Case[] = [
  { name: "V2-0.1", image: [1, 10, 12, 3] },
  { name: "V3-small-0.1", image: [1, 16, 12, 3], changes: { rematerialise: true } },
  { name: "V3-small-0.1", image: [8, 18, 20, 3], training: true },
];

describe("gradients", () => {
  test.each(differentiated.map((one) => [titleOf(one), one] as const))("%s", async (_, one) => {
    const { config, scope, output, image } = traced(one);
    const parameters = scope.parameters.filter(({ isStatistic }) => !(one.training && isStatistic));
    await expectGradients(
      { image, parameters, answers: output.logits! },
      (values) => plainMobileNet(values, values["image"]!, one.image, config, one.training ? {} : undefined)["logits"]!,
      "cpu",
      // an activation may be constant where a channel is compared
      () => true,
      (length) => evenlySpread(length, 1),
      valuesOf(parameters),
    );
  });
});
