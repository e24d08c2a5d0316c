/** Contributions of patches: exact parts against plain loops and the logit, gradients against finite differences. */
import { rm } from "node:fs/promises";
import { describe, expect, it, test } from "vitest";
import {
  contributionsOf,
  type ExactParts,
  gradientTimesInput,
  meanContributions,
  patchContributions,
  pooledLayers,
  type Subject,
  throughNorm,
} from "../../src/analysis/index.js";
import { type ModelConfig, resnetConfig, type ViTConfig, vitConfig } from "../../src/models/index.js";
import { plainResNet } from "../support/plain-resnet.js";
import { plainViT } from "../support/plain-vit.js";
import * as models from "../support/seeded-models.js";
import { seededSubject } from "../support/seeded-subject.js";
import { relativeError, tiny, uniform } from "../support/vit-cases.js";

const wide = { height: 8, width: 12, channels: 3 };
const larger = { height: 16, width: 32, channels: 3 };
const vit = (changes: Partial<ViTConfig>): ModelConfig => ({
  family: "vit",
  ...vitConfig("Ti/4", { ...tiny, ...changes }),
});
const resnet = (changes: Parameters<typeof resnetConfig>[1]): ModelConfig => ({
  family: "resnet",
  ...resnetConfig("R50x1", { blocks: [1, 1], widthFactor: 0.125, groups: 4, classes: 5, ...changes }),
});

async function withSubject(config: ModelConfig, size: typeof wide, use: (subject: Subject) => Promise<void>) {
  const { subject, folder } = await seededSubject(config, size);
  try {
    await use(subject);
  } finally {
    await subject.close();
    await rm(folder, { recursive: true });
  }
}

/** All parts and the constant of a value. */
const total = (parts: ExactParts | undefined) =>
  sumOf((parts?.maps ?? []).flatMap(({ values }) => [...values])) + (parts?.constant ?? Number.NaN);
const sumOf = (values: Iterable<number>) => [...values].reduce((sum, value) => sum + value, 0);

/** The parameters and the pixels of an image, for the computations in float64. */
function plainInputs({ network, parameter, images, imageShape: [height, width, channels] }: Subject, image: number) {
  const parameters = Object.fromEntries(
    [...network.tensors.keys()].map((name) => [name, Float64Array.from(parameter(name).data)]),
  );
  const size = height * width * channels;
  const pixels = images.data.subarray(image * size, (image + 1) * size);
  return { parameters, pixels, shape: [1, height, width, channels] as const };
}

async function outputs(subject: Subject, image: number) {
  for await (const { preLogits, logits } of subject.trace(
    subject.config.classes > 0 ? ["preLogits", "logits"] : ["preLogits"],
    [image],
  ))
    return { features: preLogits?.data ?? new Float32Array(), logits: logits?.data ?? new Float32Array() };
  throw new Error("no image");
}

test("meanContributions are the products of each vector, and sum to that of the mean", () => {
  const found = meanContributions([1, 2, 3, 4, 5, 6], 3, [1, -1]);
  expect([...found]).toEqual([-1 / 3, -1 / 3, -1 / 3]);
  expect([...meanContributions([1, 2, 3, 4], 2, [2, 1])]).toEqual([2, 5]);
});

test("throughNorm gives the product of the normalised mean", () => {
  const [count, width] = [4, 6];
  const vectors = uniform(count * width, "vectors");
  const norm = { scale: uniform(width, "scale"), bias: uniform(width, "bias"), epsilon: 1e-3 };
  const direction = uniform(width, "direction");
  const mean = Array.from({ length: width }, (_, k) =>
    sumOf(Array.from({ length: count }, (_, i) => (vectors[i * width + k] ?? 0) / count)),
  );
  const centre = sumOf(mean) / width;
  const deviation = Math.sqrt(sumOf(mean.map((value) => (value - centre) ** 2)) / width + norm.epsilon);
  const expected = sumOf(
    mean.map(
      (value, k) => (((value - centre) / deviation) * (norm.scale[k] ?? 0) + (norm.bias[k] ?? 0)) * (direction[k] ?? 0),
    ),
  );
  const through = throughNorm(vectors, count, norm, direction);
  const parts = meanContributions(vectors, count, through.direction);
  expect(sumOf(parts) + through.constant).toBeCloseTo(expected, 6);
  // one part by itself: its vector without its own mean, scaled like the mean
  const own = [...vectors.subarray(width, 2 * width)];
  const level = sumOf(own) / width;
  const second = sumOf(
    own.map((value, k) => (((value - level) / deviation) * (norm.scale[k] ?? 0) * (direction[k] ?? 0)) / count),
  );
  expect(parts[1]).toBeCloseTo(second, 6);
});

test("gradientTimesInput sums over the channels and the pixels of each cell", () => {
  const gradient = Array.from({ length: 2 * 4 * 2 }, (_, i) => i);
  // rows of 4 pixels with 2 channels; the left cell of the second row has pixels 4 and 5, numbers 8 to 11
  const found = gradientTimesInput(gradient, new Array<number>(16).fill(2), [2, 4, 2], { rows: 2, columns: 2 });
  expect([...found]).toEqual([
    2 * (0 + 1 + 2 + 3),
    2 * (4 + 5 + 6 + 7),
    2 * (8 + 9 + 10 + 11),
    2 * (12 + 13 + 14 + 15),
  ]);
});

const exactCases = [
  ["a ViT with the norm before the mean", vit({ pooling: "gap" }), wide, 1],
  ["a ViT with the norm after the mean", vit({ pooling: "gap", poolNorm: "after" }), wide, 1],
  ["a hybrid", { ...models.hybrid, pooling: "gap" } as ModelConfig, larger, 1],
  ["a Mixer", models.mixer, wide, 1],
  ["a ResNet", resnet({}), larger, 1],
  ["a ResNet of version 1", resnet({ version: 1 }), larger, 1],
  ["a ResNet with pooled stages", resnet({ blocks: [1, 2, 1], pooledStages: [1, 2] }), larger, 3],
  ["a ResNet of version 1 with a pooled stage", resnet({ version: 1, pooledStages: [1] }), larger, 2],
] as const;

describe("exact contributions", () => {
  it.each(exactCases)("of %s sum to the logit with the biases", async (_, config, size, layers) => {
    await withSubject(config, size, async (subject) => {
      const found = await contributionsOf(subject, [0, 2]);
      for (const [i, one] of found.entries()) {
        const { logits } = await outputs(subject, [0, 2][i] ?? 0);
        expect(one.exact?.maps).toHaveLength(layers);
        const [first = 0, second = 0] = [...logits].sort((a, b) => b - a);
        expect(one.value).toBeCloseTo(first, 5);
        expect(one.exact?.value).toBe(one.value);
        expect(one.margin?.value).toBeCloseTo(first - second, 5);
        expect(one.margin?.over).toBe(`class ${logits.indexOf(second)}`);
        for (const parts of [one.exact, one.margin]) expect(total(parts)).toBeCloseTo(parts?.value ?? Number.NaN, 4);
      }
    });
  });

  it.each(exactCases)("of %s without a head sum to the length of the features", async (_, config, size) => {
    await withSubject({ ...config, classes: 0 }, size, async (subject) => {
      const [one] = await contributionsOf(subject, [1]);
      const { features } = await outputs(subject, 1);
      expect(one?.target).toBeUndefined();
      expect(one?.value).toBeCloseTo(Math.hypot(...features), 4);
      expect(one?.margin).toBeUndefined();
      expect(total(one?.exact)).toBeCloseTo(one?.value ?? Number.NaN, 4);
    });
  });

  test("of a ViT are the head on each token of an independent computation", async () => {
    await withSubject(vit({ pooling: "gap" }), wide, async (subject) => {
      const { parameters, pixels, shape } = plainInputs(subject, 1);
      if (subject.config.family !== "vit") throw new Error("a Vision Transformer is needed");
      const plain = plainViT(parameters, pixels, shape, subject.config);
      const [logits, tokens, kernel] = [plain["logits"], plain["encoded"], parameters["head/kernel"]];
      const target = logits?.indexOf(Math.max(...logits)) ?? 0;
      const expected = Array.from({ length: 6 }, (_, p) =>
        sumOf(Array.from({ length: 8 }, (_, k) => (tokens?.[p * 8 + k] ?? 0) * (kernel?.[k * 3 + target] ?? 0))),
      ).map((value) => value / 6);
      const [one] = await contributionsOf(subject, [1]);
      expect(relativeError(one?.exact?.maps[0]?.values ?? [], expected)).toBeLessThan(1e-4);
    });
  });

  test("of a ResNet are its class activation map from an independent computation", async () => {
    await withSubject(resnet({}), larger, async (subject) => {
      const { parameters, pixels, shape } = plainInputs(subject, 0);
      if (subject.config.family !== "resnet") throw new Error("a ResNet is needed");
      const plain = plainResNet(parameters, pixels, shape, subject.config);
      const [logits, maps, kernel] = [plain["logits"], plain["features"], parameters["head/kernel"]];
      const target = logits?.indexOf(Math.max(...logits)) ?? 0;
      const cells = 2 * 4;
      const expected = Array.from({ length: cells }, (_, i) =>
        sumOf(
          Array.from(
            { length: (maps?.length ?? 0) / cells },
            (_, c) => ((maps?.[c * cells + i] ?? 0) * (kernel?.[c * 5 + target] ?? 0)) / cells,
          ),
        ),
      );
      const [one] = await contributionsOf(subject, [0]);
      expect(one?.exact?.maps[0]).toMatchObject({ rows: 2, columns: 4 });
      expect(relativeError(one?.exact?.maps[0]?.values ?? [], expected)).toBeLessThan(1e-3);
    });
  });

  it.each([
    ["a class token", vit({ pooling: "tok" }), wide],
    ["attention pooling", vit({ pooling: "map" }), wide],
    ["a layer before the head", vit({ pooling: "gap", preLogits: true }), wide],
    ["whitened features", resnet({ whitening: 3 }), larger],
  ] as const)("are not there for %s", async (_, config, size) => {
    await withSubject(config, size, async (subject) => {
      expect(pooledLayers(subject)).toBeUndefined();
      const [one] = await contributionsOf(subject, [0]);
      expect(one?.exact).toBeUndefined();
    });
  });
});

/** Multiplies the pixels of one cell of an image, or of all. */
function scaled({ images, imageShape: [height, width, channels] }: Subject, cell: number | undefined, factor: number) {
  for (let i = 0; i < height * width * channels; i++) {
    const y = Math.floor(i / (width * channels));
    const x = Math.floor((i % (width * channels)) / channels);
    const at = Math.floor((y * 2) / height) * 3 + Math.floor((x * 3) / width);
    if (cell === undefined || at === cell) images.data[i] = (images.data[i] ?? 0) * factor;
  }
}

describe("gradient times input", () => {
  it.each([
    ["a class token", vit({ pooling: "tok" })],
    ["a mean", vit({ pooling: "gap" })],
    ["attention pooling and no head", vit({ pooling: "map", classes: 0 })],
    ["a Mixer", models.mixer],
  ])("of a network with %s is what a change of a patch changes", async (_, config) => {
    await withSubject(config, wide, async (subject) => {
      const [one] = await contributionsOf(subject, [0]);
      expect(one?.gradient).toMatchObject({ rows: 2, columns: 3 });
      const before = await outputs(subject, 0);
      const target = before.logits.indexOf(Math.max(...before.logits));
      const length = Math.hypot(...before.features);
      const value = async () => {
        const { features, logits } = await outputs(subject, 0);
        if (logits.length > 0) return logits[target] ?? 0;
        return sumOf(features.map((one, k) => (one * (before.features[k] ?? 0)) / length));
      };
      const most = Math.max(...(one?.gradient.values ?? []).map(Math.abs));
      for (const cell of [0, 5]) {
        const step = 0.01;
        scaled(subject, cell, 1 + step);
        const above = await value();
        scaled(subject, cell, (1 - step) / (1 + step));
        const below = await value();
        scaled(subject, cell, 1 / (1 - step));
        const slope = (above - below) / (2 * step);
        expect(Math.abs(slope - (one?.gradient.values[cell] ?? 0))).toBeLessThan(0.02 * most);
      }
    });
  });
});

describe("the analysis", () => {
  it.each([
    [
      "exact parts",
      vit({ pooling: "gap" }),
      /^Exact parts of the logit of the predicted class\. \d+ % of the patches speak for the second/,
    ],
    [
      "gradients",
      vit({ pooling: "tok" }),
      /^Gradient times input of the logit of the predicted class, which is not exact/,
    ],
    ["no head", vit({ pooling: "gap", classes: 0 }), /length of the feature vector \(the network has no head\)/],
  ])("draws and states %s", async (_, config, text) => {
    await withSubject(config, wide, async (subject) => {
      const found = await patchContributions.run(subject);
      expect(found.text).toMatch(text);
      for (const { draw } of found.charts) for (const width of [350, 920]) expect(draw(width)).toMatch(/^<svg/);
    });
  });

  test("is not for a network that does not pool", async () => {
    await withSubject(vit({ pooling: "none" }), wide, async (subject) => {
      expect(patchContributions.unavailable(subject)).toMatch(/does not pool its tokens/);
    });
  });
});
