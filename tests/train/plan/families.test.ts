/** Every family of models trains through a recipe, and a recipe's settings reach the model. */

import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { mixerConfig, modelConfig, resnetConfig, vitConfig } from "../../../src/models/index.js";
import { type RecipeInput, readMetrics, resolveRecipe, train } from "../../../src/train/index.js";
import { temporaryFolder, tinyRecipe } from "../../support/trained-run.js";

const root = temporaryFolder("families");
afterAll(() => rmSync(root, { recursive: true, force: true }));

type Model = RecipeInput["model"];
const tinyViT = { name: "vit", patchSize: 8, width: 16, depth: 2, heads: 2, mlpDim: 32, imageSize: 16 } as const;

const models: Record<string, Model> = {
  "ViT, positions by axis in every layer": {
    ...tinyViT,
    posEmbedding: "learn2d",
    posEmbeddingLayers: "everyLayer",
    pooling: "tok",
  },
  "ViT, relative positions": { ...tinyViT, patchSize: 4, posEmbedding: "relative", dropout: 0.1 },
  hybrid: {
    ...tinyViT,
    patchSize: 1,
    stem: { kind: "resnet", blocks: [1, 1], widthFactor: 0.125, groups: 4 },
  },
  "ViT after convolutions": {
    ...tinyViT,
    patchSize: 1,
    stem: { kind: "convolutions", channels: [8, 16], strides: [2, 2], groups: 4 },
  },
  Mixer: { name: "mixer", patchSize: 4, width: 16, depth: 2, imageSize: 16, stochasticDepth: 0.1 },
  "BiT ResNet": { name: "resnet", blocks: [1, 1], widthFactor: 0.125, groups: 4, imageSize: 16 },
  "ResNet-v1 with squeeze-and-excitation": {
    name: "resnet",
    version: 1,
    blocks: [1, 1],
    widthFactor: 0.125,
    groups: 4,
    imageSize: 16,
    attention: { kind: "squeezeExcitation", reduction: 4 },
  },
};

describe("a few steps of training", () => {
  test.each(Object.entries(models))("%s: the loss falls", async (title, model) => {
    const source = "generated:shapes?label=shape&size=16&length=8";
    const output = join(root, title.replaceAll(/\W+/g, "-"));
    const preprocessing = "decode|value_range(-1,1)";
    const recipe = tinyRecipe(output, {
      model,
      data: { train: { source, preprocessing }, workers: 0 },
      batchSize: 8,
      total: { steps: 40 },
      optimizer: { name: "adamw", learningRate: 1e-2, clipNorm: 1 },
      log: { every: { steps: 1 } },
      checkpoint: { every: { steps: 40 }, keepLast: 1 },
    });
    const result = await train(resolveRecipe(recipe), { silent: true });
    expect(result.step).toBe(40);
    const metrics = await readMetrics(join(output, "metrics.jsonl"));
    const losses = metrics.flatMap(({ loss }) => (loss === undefined ? [] : [loss!]));
    // eight images of four shapes: from about ln 4 to what is learnt by heart
    expect(losses[0]).toBeGreaterThan(1);
    expect(losses.at(-1)!).toBeLessThan(0.6 * losses[0]!);
  });
});

const resolved = (model: object, classes = 5) =>
  modelConfig(resolveRecipe(tinyRecipe("unused", { model: model as Model })).model, classes);

describe("the model of a recipe", () => {
  test("is a variant of its family, with what is given changed", () => {
    expect(resolved({ name: "vit", variant: "S/16" })).toEqual({ family: "vit", ...vitConfig("S/16", { classes: 5 }) });
    expect(resolved({ name: "vit", variant: "R50+B/16", pooling: "tok", heads: 4 })).toEqual({
      family: "vit",
      ...vitConfig("R50+B/16", { classes: 5, heads: 4 }),
    });
    expect(resolved({ name: "vit", variant: "C-4GF" })).toMatchObject({
      depth: 11,
      pooling: "gap",
      stem: { kind: "convolutions", channels: [48, 96, 192, 384], strides: [2, 2, 2, 2], groups: 8 },
    });
    expect(resolved({ name: "mixer", variant: "Mixer-B/16", depth: 3 })).toEqual({
      family: "mixer",
      ...mixerConfig("Mixer-B/16", { classes: 5, depth: 3 }),
    });
    expect(resolved({ name: "resnet", variant: "R50x1", attention: { kind: "nonLocal", every: 3 } })).toEqual({
      family: "resnet",
      ...resnetConfig("R50x1", { classes: 5, attention: { kind: "nonLocal", every: 3 } }),
    });
    expect(resolved({ name: "resnet", variant: "ResNet-50" })).toMatchObject({ version: 1, groupNormEpsilon: 1e-6 });
  });

  test("without a variant takes its dimensions, and the rest from the family's defaults", () => {
    expect(resolved({ name: "vit", patchSize: 4, width: 8, depth: 1, heads: 2 })).toMatchObject({
      mlpDim: 32,
      stem: { kind: "patch" },
      posEmbeddingLayers: "input",
      layerNormEpsilon: 1e-6,
    });
    expect(resolved({ name: "mixer", patchSize: 4, width: 8, depth: 1 })).toMatchObject({
      tokensMlpDim: 4,
      channelsMlpDim: 32,
      stochasticDepthRescale: false,
    });
    expect(resolved({ name: "resnet", blocks: [1, 2] })).toMatchObject({ version: 2, widthFactor: 1, groups: 32 });
  });

  test.each<[string, object, RegExp]>([
    ["a variant of another family", { name: "vit", variant: "R50x1" }, /"R50x1" is a model of the family resnet/],
    ["an unknown variant", { name: "mixer", variant: "Mixer-B16" }, /unknown model "Mixer-B16"; did you mean/],
    ["no dimensions", { name: "mixer", width: 8 }, /model: give a variant such as "Mixer-B\/16"/],
    ["no stages", { name: "resnet", widthFactor: 2 }, /model: give a variant such as "R50x1", or the blocks/],
    ["another family's setting", { name: "mixer", variant: "Mixer-B/16", heads: 2 }, /model\.heads: unknown key/],
    [
      "an unknown family",
      { name: "mixr" },
      /unknown model "mixr"; expected one of vit, resnet, mixer, mobilenet; did you mean/,
    ],
    [
      "an unknown stem",
      { ...tinyViT, stem: { kind: "convolution" } },
      /unknown stem "convolution"; expected one of patch, resnet, convolutions; did you mean "convolutions"/,
    ],
    [
      "a stem's setting elsewhere",
      { ...tinyViT, stem: { kind: "patch", blocks: [1] } },
      /model\.stem\.blocks: unknown/,
    ],
  ])("%s is refused", (_, model, message) => {
    expect(() => resolved(model)).toThrow(message);
  });
});
