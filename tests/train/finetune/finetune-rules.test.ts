/** Fine-tuning rules as numbers: BiT-HyperRule's golden rates, the tables of ViT, AugReg and VTAB, and what is refused. */

import { describe, expect, test } from "vitest";
import type { ModelConfig } from "../../../src/models/index.js";
import type { TrainedNetwork } from "../../../src/networks/index.js";
import { createSchedule } from "../../../src/optim/index.js";
import {
  augRegRule,
  type BitHyperRuleOptions,
  bitHyperRule,
  bitLearningRate,
  type FineTuningPlan,
  fineTuningRecipe,
  planPreprocessing,
  resolveRecipe,
  scheduleConfig,
  vitFineTuning,
  vitRule,
  vtabLightSweep,
  vtabRule,
} from "../../../src/train/index.js";
import { mixer, vit, weightsOf } from "../../support/seeded-models.js";

const large = [500, 375] as const;
const few = { examples: 1000, imageSize: large };
const sides = ({ resize, crop }: FineTuningPlan) => [resize, crop];

/** The rates that a run by a plan's recipe has, by step. */
function ratesOf(plan: FineTuningPlan): (step: number) => number {
  const { schedule } = resolveRecipe({
    model: { name: "vit", patchSize: 8, width: 8, depth: 1, heads: 1 },
    data: { train: { source: "x", preprocessing: "decode|value_range" } },
    total: { steps: plan.steps },
    optimizer: { name: "sgd", learningRate: plan.learningRate },
    schedule: plan.schedule,
  });
  const context = { batchSize: plan.batchSize, datasetSize: 1000, totalSteps: plan.steps };
  const factor = createSchedule(scheduleConfig(schedule, context), { total: plan.steps });
  return (step) => plan.learningRate * factor(step);
}

describe("BiT-HyperRule", () => {
  test("has the published learning rates: the first update has none, at a support the old one still holds", () => {
    const rule = bitHyperRule(few);
    // papers.md 12.4
    const golden = [
      [0, 0],
      [1, 3e-5],
      [50, 1.5e-3],
      [99, 2.97e-3],
      [100, 3e-3],
      [200, 3e-3],
      [201, 3e-4],
      [300, 3e-4],
      [301, 3e-5],
      [400, 3e-5],
      [401, 3e-6],
      [499, 3e-6],
    ] as const;
    const rates = ratesOf(rule);
    for (const [step, rate] of golden) {
      expect(bitLearningRate(rule, step), `step ${step}`).toBeCloseTo(rate, 12);
      expect(rates(step), `step ${step} of the recipe`).toBeCloseTo(rate, 12);
    }
    expect(bitLearningRate(rule, 500)).toBeUndefined();
    expect(rule.steps).toBe(500);
  });

  test.each([
    [1, [100, 200, 300, 400, 500], 0],
    [19_999, [100, 200, 300, 400, 500], 0],
    [20_000, [500, 3000, 6000, 9000, 10_000], 0.1],
    [499_999, [500, 3000, 6000, 9000, 10_000], 0.1],
    [500_000, [500, 6000, 12_000, 18_000, 20_000], 0.1],
    [1_281_167, [500, 6000, 12_000, 18_000, 20_000], 0.1],
  ])("of %i images", (examples, supports, alpha) => {
    const rule = bitHyperRule({ ...few, examples });
    expect(rule).toMatchObject({ supports, steps: supports.at(-1), batchSize: 512, learningRate: 0.003 });
    expect(rule.mixup).toEqual({ alpha, kind: "bit" });
    expect(rule.clipNorm).toBeUndefined();
    // the recipe's schedule is the rule's at every step
    const rates = ratesOf(rule);
    for (let step = 0; step < rule.steps; step++) {
      const expected = bitLearningRate(rule, step)!;
      if (Math.abs(rates(step) - expected) > 1e-15) expect(rates(step), `step ${step}`).toBe(expected);
    }
  });

  test.each<[string, Partial<BitHyperRuleOptions>, number[]]>([
    ["large", {}, [448, 384]],
    ["below 96 x 96", { imageSize: [95, 97] }, [160, 128]],
    ["96 x 96, no longer small", { imageSize: [96, 96] }, [448, 384]],
    ["of CIFAR", { imageSize: [32, 32] }, [160, 128]],
    ["large, in the released code", { variant: "code" }, [512, 480]],
    ["small, in the released code", { variant: "code", imageSize: [32, 32] }, [160, 128]],
    ["large, for R152x4", { largestModel: true }, [512, 480]],
    ["of Clevr-Count, not cropped", { task: "clevr-count" }, [384, 384]],
    ["of dSprites-Location, not cropped", { task: "dsprites-location", imageSize: [64, 64] }, [128, 128]],
  ])("images %s", (_, options, expected) => {
    expect(sides(bitHyperRule({ ...few, ...options }))).toEqual(expected);
  });

  test("another size keeps the margin of the crop", () => {
    expect(sides(bitHyperRule({ ...few, crop: 48 }))).toEqual([56, 48]);
    expect(sides(bitHyperRule({ ...few, imageSize: [32, 32], crop: 48 }))).toEqual([60, 48]);
    expect(sides(bitHyperRule({ ...few, task: "dmlab", crop: 48 }))).toEqual([48, 48]);
  });

  test("mirrors but where a mirrored image is another example", () => {
    const flips = (task?: string) => bitHyperRule({ ...few, task }).flip;
    expect(["dsprites-orientation", "dsprites-location", "smallnorb-azimuth"].map(flips)).toEqual(
      new Array(3).fill("none"),
    );
    expect(["clevr-count", "clevr-distance", "dmlab", "kitti-distance", "cifar-100", undefined].map(flips)).toEqual(
      new Array(6).fill("random"),
    );
    const uncropped = ["clevr-count", "clevr-distance", "dmlab", "kitti-distance", "dsprites-location"];
    for (const task of [...uncropped, "smallnorb-azimuth", "pets"]) {
      const { resize, crop } = bitHyperRule({ ...few, task });
      expect(resize === crop, task).toBe(uncropped.includes(task));
    }
  });

  test("the pipeline of TensorFlow mirrors every image and pairs the batch with itself reversed", () => {
    const rule = bitHyperRule({ examples: 50_000, imageSize: [32, 32], pipeline: "tensorflow" });
    expect(rule).toMatchObject({ flip: "always", mixup: { alpha: 0.1, kind: "bit_reversed" } });
    expect(planPreprocessing(rule, { imageShape: [128, 128, 3], preprocessing: "decode|resize(128)" })).toEqual({
      train: "decode|resize(160)|random_crop(128)|flip_lr(1)|value_range(-1,1)",
      test: "decode|resize(128)|value_range(-1,1)",
    });
  });

  test("the cheaper setting is a batch of 128 at 0.001", () => {
    expect(bitHyperRule({ ...few, batchSize: 128 })).toMatchObject({ batchSize: 128, learningRate: 0.001, steps: 500 });
    expect(bitHyperRule({ ...few, batchSize: 128, learningRate: 0.01 }).learningRate).toBe(0.01);
  });

  test("other lengths stretch the schedule", () => {
    expect(bitHyperRule({ ...few, steps: 50 }).supports).toEqual([10, 20, 30, 40, 50]);
    expect(bitHyperRule({ ...few, examples: 30_000, steps: 1000 }).supports).toEqual([50, 300, 600, 900, 1000]);
    expect(() => bitHyperRule({ ...few, steps: 4 })).toThrow(/4 steps are too few .* expected at least 5/);
    expect(() => bitHyperRule({ ...few, examples: 30_000, steps: 8 })).toThrow(/expected at least (\d+)/);
  });
});

describe("the ViT paper's fine-tuning", () => {
  test.each([
    ["imagenet", 1_281_167, 20_000, 500],
    ["cifar-100", 50_000, 10_000, 500],
    ["flowers", 1020, 500, 100],
    ["vtab", 1000, 2500, 500],
    // not in the table: as the set of its size that is
    [undefined, 19_999, 500, 100],
    [undefined, 20_000, 10_000, 500],
    [undefined, 500_000, 20_000, 500],
  ])("of %s, %i images: %i steps, %i of warm-up", (task, examples, steps, warmup) => {
    const plan = vitRule({ examples, imageSize: large, task });
    expect(plan).toMatchObject({ steps, batchSize: 512, clipNorm: 1, flip: "random", mixup: { alpha: 0 } });
    expect(plan.schedule).toEqual({ name: "cosine", warmup: { steps: warmup } });
    expect(sides(plan)).toEqual([448, 384]);
    expect(plan.learningRate).toBe(task === "vtab" ? 0.01 : 0.03);
    const rates = ratesOf(plan);
    expect(rates(0)).toBe(0);
    expect(rates(warmup)).toBeCloseTo(plan.learningRate, 12);
    expect(rates(warmup + (steps - warmup) / 2)).toBeCloseTo(plan.learningRate / 2, 12);
  });

  test("the table is the paper's", () => {
    expect(vitFineTuning).toEqual({
      imagenet: { steps: 20_000, learningRates: [0.003, 0.01, 0.03, 0.06] },
      "cifar-10": { steps: 10_000, learningRates: [0.001, 0.003, 0.01, 0.03] },
      "cifar-100": { steps: 10_000, learningRates: [0.001, 0.003, 0.01, 0.03] },
      pets: { steps: 500, learningRates: [0.001, 0.003, 0.01, 0.03] },
      flowers: { steps: 500, learningRates: [0.001, 0.003, 0.01, 0.03] },
      vtab: { steps: 2500, learningRates: [0.01] },
    });
  });

  test("AugReg's has two sizes", () => {
    expect(sides(augRegRule(few))).toEqual([448, 384]);
    expect(sides(augRegRule({ ...few, crop: 224 }))).toEqual([261, 224]);
    expect(augRegRule(few)).toEqual(vitRule({ ...few, learningRate: 0.03 }));
  });
});

describe("VTAB's fine-tuning", () => {
  test("divides the rate by ten after 30, 60 and 90 per cent, and does not augment", () => {
    const plan = vtabRule(few);
    expect(plan).toMatchObject({ steps: 2500, batchSize: 512, learningRate: 0.01, flip: "none" });
    const rates = ratesOf(plan);
    for (const [step, rate] of [
      [0, 0.01],
      // tf.train.piecewise_constant keeps the old value at a boundary itself (task_adaptation, trainer.py)
      [750, 0.01],
      [751, 0.001],
      [1500, 0.001],
      [1501, 1e-4],
      [2250, 1e-4],
      [2251, 1e-5],
      [2499, 1e-5],
    ] as const)
      expect(rates(step), `step ${step}`).toBeCloseTo(rate, 12);
    expect(planPreprocessing(plan, { imageShape: [224, 224, 3], preprocessing: "decode|value_range(0,1)" })).toEqual({
      train: "decode|value_range(0,1)|resize(224,half_pixel_centers=false)",
      test: "decode|value_range(0,1)|resize(224,half_pixel_centers=false)",
    });
  });

  test("the script's run is shorter and warms up", () => {
    const plan = vtabRule({ ...few, form: "script" });
    expect(plan).toMatchObject({ steps: 1000, batchSize: 64, learningRate: 0.01 });
    expect(plan.schedule).toMatchObject({ steps: [301, 601, 901], warmup: { steps: 80 } });
    expect(ratesOf(plan)(40)).toBeCloseTo(0.005, 12);
  });

  test("the lightweight sweep has two rates and two lengths", () => {
    expect(vtabLightSweep).toHaveLength(4);
    const plans = vtabLightSweep.map((setting) => vtabRule({ ...few, ...setting }));
    expect(new Set(plans.map(({ steps, learningRate }) => `${steps} ${learningRate}`)).size).toBe(4);
    expect(plans[2]!.schedule).toMatchObject({ steps: [3001, 6001, 9001] });
  });
});

test("pixels are scaled as the network knows them, in its channels", () => {
  const plan = bitHyperRule(few);
  const network = (imageShape: readonly [number, number, number], preprocessing: string) => ({
    imageShape,
    preprocessing,
  });
  expect(planPreprocessing(plan, network([28, 28, 1], "decode(1)|resize(28)|value_range(0,1)")).train).toBe(
    "decode(1)|resize(448)|random_crop(384)|flip_lr|value_range(0,1)",
  );
  const mean = "decode|resize_small(256)|central_crop(224)|value_range((-2.1,-2,-1.8),(2.2,2.4,2.6))";
  expect(planPreprocessing(plan, network([224, 224, 3], mean)).test).toBe(
    "decode|resize(384)|value_range((-2.1,-2,-1.8),(2.2,2.4,2.6))",
  );
});

test("the recipe is the network at the plan's size, without dropout and pre-logits, with a new head", () => {
  const recipeFor = (config: ModelConfig, crop: number) => {
    const { tensors, image } = weightsOf(config);
    const network: TrainedNetwork = {
      path: "x",
      config,
      imageShape: [image.height, image.width, 3],
      preprocessing: "decode|value_range(-1,1)",
      classNames: undefined,
      loss: "softmax",
      published: false,
      tensors: new Map([...tensors].map(([name, tensor]) => [name, { dtype: "float32", ...tensor }])),
      step: undefined,
      metadata: {},
    };
    const plan = vitRule({ ...few, crop });
    return resolveRecipe(fineTuningRecipe({ plan, backbone: "x", network, train: { source: "y" }, output: "z" }));
  };
  const recipe = recipeFor(
    { ...vit, dropout: 0.1, stochasticDepth: 0.2, preLogits: true, headBiasInit: -7 } as ModelConfig,
    16,
  );
  expect(recipe).toMatchObject({
    initialWeights: "x",
    model: {
      name: "vit",
      imageSize: 16,
      channels: 3,
      dropout: 0,
      stochasticDepth: 0,
      preLogits: false,
      headBiasInit: 0,
    },
    data: { train: { source: "y", preprocessing: "decode|resize(19)|random_crop(16)|flip_lr|value_range(-1,1)" } },
    batchSize: 512,
    optimizer: { name: "sgd", momentum: 0.9, nesterov: false, weightDecay: 0, learningRate: 0.03, clipNorm: 1 },
    total: { steps: 500 },
    output: "z",
  });
  // an MLP-Mixer for twice the size mixes four times the patches
  expect(recipeFor(mixer, 16).model).toMatchObject({ tokensMlpDim: 24, imageSize: 16 });
  expect(() => recipeFor(mixer, 12)).toThrow(/one of 2 x 2 .*given 3 x 3/);
});

test.each<[string, Partial<BitHyperRuleOptions>, RegExp]>([
  ["no images", { examples: 0 }, /a rule for 0 training images/],
  ["images without a side", { imageSize: [0, 10] }, /images of 0 x 10 pixels/],
  ["half a step", { steps: 10.5 }, /steps is 10.5; give a whole number from 1/],
  ["no batch", { batchSize: 0 }, /batchSize is 0/],
  ["a rate that goes up", { learningRate: -1 }, /learningRate is -1; give a number above 0/],
])("%s are refused", (_, options, message) => {
  for (const rule of [bitHyperRule, vitRule, augRegRule, vtabRule])
    expect(() => rule({ ...few, ...options })).toThrow(message);
});
