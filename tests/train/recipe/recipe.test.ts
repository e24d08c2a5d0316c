/** Recipes: defaults, strictness with the nearest key, overrides from the command line, loading TypeScript, saving, comparing. */
import { describe, expect, test } from "vitest";
import { modelConfig, publishedSuccessors } from "../../../src/models/index.js";
import { averageConfig, scheduleConfig } from "../../../src/train/recipe/optimizer.js";
import { applyOverrides, nearestPath, parseOverrides } from "../../../src/train/recipe/overrides.js";
import {
  defineRecipe,
  type RecipeInput,
  recipeDifferences,
  recipeHash,
  recipeSchema,
  resolveRecipe,
} from "../../../src/train/recipe/recipe.js";
import { leafPaths } from "../../../src/train/recipe/schema.js";

const small: RecipeInput = defineRecipe({
  model: { name: "vit", patchSize: 4, width: 32, depth: 2, heads: 2, imageSize: 28, channels: 1 },
  data: { train: { source: "somewhere", preprocessing: "decode|value_range(-1,1)" } },
  total: { epochs: 2 },
  optimizer: { name: "adamw", learningRate: 1e-3 },
});

const set = (...words: string[]) => resolveRecipe(applyOverrides(small, parseOverrides(words)));

describe("checking", () => {
  test("fills in every default and leaves the input as it was", () => {
    const before = structuredClone(small);
    const recipe = resolveRecipe(small);
    expect(small).toEqual(before);
    expect(recipe).toMatchObject({
      seed: 0,
      batchSize: 128,
      objective: { name: "softmax", labelSmoothing: 0 },
      device: "cpu",
      schedule: { name: "cosine" },
      evaluate: { every: { epochs: 1 } },
      checkpoint: { every: { percent: 0.1 }, keepLast: 2 },
      log: { every: { steps: 10 } },
    });
    expect(recipe.model).toMatchObject({ pooling: "gap", posEmbedding: "learn", dropout: 0, gelu: "tanh" });
    expect(recipe.optimizer).toMatchObject({ beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 });
    expect(recipe.batchSize).toBe(128);
    expect(resolveRecipe(recipe)).toEqual(recipe);
  });

  test.each<[string, unknown, string[]]>([
    ["a key at the top", { ...small, batchsize: 8 }, ['batchsize: unknown key; did you mean "batchSize"?']],
    [
      "a key of the model",
      { ...small, model: { ...small.model, posEmbeding: "learn" } },
      ['model.posEmbeding: unknown key; did you mean "posEmbedding"?'],
    ],
    [
      "a key deep inside",
      { ...small, data: { train: { source: "a", preprocessing: "decode", spilt: "x" } } },
      ['data.train.spilt: unknown key; did you mean "split"?'],
    ],
    [
      "images without labels that nothing looks at",
      { ...small, data: { ...small.data, unlabelled: small.data.train } },
      [
        'data.unlabelled: the objective "softmax" does not use images without labels; remove data.unlabelled, or use the objective s4lRotation, s4lExemplar, vat or moam',
      ],
    ],
    [
      "a key of one of several parts",
      {
        ...small,
        data: {
          train: [
            { source: "a", preprocessing: "decode" },
            { source: "b", wieght: 2 },
          ],
        },
      },
      [
        'data.train.1.wieght: unknown key; did you mean "weight"?',
        "data.train.1.preprocessing: Invalid input: expected string, received undefined",
      ],
    ],
    [
      "a weight for some parts only",
      {
        ...small,
        data: {
          train: [
            { source: "a", preprocessing: "decode", weight: 1 },
            { source: "b", preprocessing: "decode" },
          ],
        },
      },
      ["data.train: expected a weight for each part or for none"],
    ],
    [
      "a key like no other",
      { ...small, checkpoint: { zzz: 1 } },
      ["checkpoint.zzz: unknown key; known here: every, keepLast, keepBest"],
    ],
    [
      "a setting of another optimiser",
      { ...small, optimizer: { name: "adamw", learningRate: 1, momentum: 0.9 } },
      ["optimizer.momentum: unknown key; known here: name, beta1"],
    ],
    [
      "half precision of another kind",
      { ...small, optimizer: { name: "adafactor", learningRate: 1, momentumDtype: "bfloat16" } },
      ['optimizer.momentumDtype: momentum cannot be stored in "bfloat16", which ONNX Runtime does not pass'],
    ],
    [
      "an unknown optimiser",
      { ...small, optimizer: { name: "adamW2", learningRate: 1 } },
      [
        'optimizer.name: unknown optimizer "adamW2"; expected one of sgd, adam, adamw, adafactor; did you mean "adamw"?',
      ],
    ],
    ["two units", { ...small, total: { epochs: 1, steps: 2 } }, ["total: give exactly one of steps, examples"]],
    ["no unit", { ...small, total: {} }, ["total: give exactly one of steps, examples"]],
    ["a share of itself", { ...small, total: { percent: 0.5 } }, ["total: cannot be a percentage of the run"]],
    [
      "ten for ten per cent",
      { ...small, schedule: { name: "cosine", warmup: { percent: 10 } } },
      ["schedule.warmup.percent: a fraction of the run"],
    ],
    [
      "uneven parts",
      { ...small, batchSize: 10, microbatches: 3 },
      ["microbatches: 3 does not divide the batch size 10"],
    ],
    [
      "smoothing with sigmoid",
      { ...small, objective: { name: "sigmoid", labelSmoothing: 0.1 } },
      ["objective.labelSmoothing: unknown key"],
    ],
    ["best of what", { ...small, checkpoint: { keepBest: {} } }, ["checkpoint.keepBest: needs data.evaluation"]],
    ["no dimensions", { ...small, model: { name: "vit", width: 32 } }, ['model: give a variant such as "S/16"']],
    [
      "a broken pattern",
      { ...small, optimizer: { name: "sgd", learningRate: 1, weightDecayPatterns: [["(", 0]] } },
      ["optimizer.weightDecayPatterns.0.0: not a regular expression"],
    ],
    [
      "uneven stairs",
      { ...small, schedule: { name: "stair", steps: [1, 2], mults: [0.1] } },
      ["schedule.mults: expected as many mults as steps"],
    ],
    ["no object", 3, ["recipe: "]],
    ["an average of no length", { ...small, average: { name: "ema" } }, ["average: give either decay"]],
    [
      "an average of two lengths",
      { ...small, average: { name: "ema", decay: 0.9, halfLife: { epochs: 1 } } },
      ["average: give either decay (such as 0.9999) or halfLife"],
    ],
    ["an average that ends nowhere", { ...small, average: { name: "ema", decay: 1 } }, ["average.decay: "]],
    [
      "an unknown average",
      { ...small, average: { name: "poliak" } },
      ['average.name: unknown average "poliak"; expected one of ema, polyak; did you mean "polyak"?'],
    ],
    [
      "several at once",
      { ...small, sed: 1, model: { ...small.model, depht: 1 } },
      ['model.depht: unknown key; did you mean "depth"?', 'sed: unknown key; did you mean "seed"?'],
    ],
  ])("refuses %s", (_name, input, lines) => {
    let message = "";
    try {
      resolveRecipe(input, "bad.ts");
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message.split("\n")[0]).toBe("bad.ts is not a valid recipe:");
    for (const line of lines) expect(message).toContain(`\n  ${line}`);
    expect(message.split("\n")).toHaveLength(lines.length + 1);
  });

  test("the average comes out in steps; a half-life of an epoch is S4L's (papers.md 10.4)", () => {
    const context = { batchSize: 100, datasetSize: 1000, totalSteps: 200 };
    const averages = [
      [
        { name: "ema", decay: 0.99 },
        { kind: "ema", decay: 0.99, warmup: false },
      ],
      [
        { name: "ema", halfLife: { epochs: 1 }, warmup: true },
        { kind: "ema", decay: 0.5 ** (1 / 10), warmup: true },
      ],
      [{ name: "polyak" }, { kind: "polyak", from: 0 }],
      [
        { name: "polyak", from: { percent: 0.5 } },
        { kind: "polyak", from: 100 },
      ],
    ] as const;
    for (const [average, config] of averages) {
      expect(averageConfig(resolveRecipe({ ...small, average }).average!, context)).toEqual(config);
    }
    const overridden = resolveRecipe(
      applyOverrides(small, parseOverrides(["--average.name=ema", "--average.decay=0.9"])),
    );
    expect(overridden.average).toEqual({ name: "ema", decay: 0.9, warmup: false });
  });

  test("the schedule comes out in steps", () => {
    const recipe = resolveRecipe({
      ...small,
      schedule: { name: "rsqrt", warmup: { epochs: 1 }, cooldown: { percent: 0.1 }, timescale: 500 },
    });
    const context = { batchSize: 100, datasetSize: 1000, totalSteps: 200 };
    expect(scheduleConfig(recipe.schedule, context)).toEqual({
      decayType: "rsqrt",
      warmupSteps: 10,
      cooldownSteps: 20,
      timescale: 500,
    });
    expect(scheduleConfig(resolveRecipe(small).schedule, context)).toMatchObject({
      decayType: "cosine",
      warmupSteps: 0,
    });
  });
});

describe("overrides", () => {
  test("reads the three ways of writing one", () => {
    expect(parseOverrides(["--a.b=3e-4", "--c", "-1", "--d", "--e=x=y"])).toEqual([
      { path: "a.b", value: "3e-4" },
      { path: "c", value: "-1" },
      { path: "d", value: "true" },
      { path: "e", value: "x=y" },
    ]);
    expect(() => parseOverrides(["depth=4"])).toThrow(/"depth=4": expected a setting such as --optimizer/);
  });

  test("sets numbers, words, flags, arrays and objects", () => {
    const recipe = set(
      "--optimizer.learningRate=3e-4",
      "--model.depth",
      "4",
      "--model.rematerialise",
      "--model.imageSize=[32,64]",
      "--name=123",
      "--data.train.source=elsewhere",
      '--optimizer.weightDecayPatterns=[["head/.*",0]]',
      '--data.evaluation={"source":"x","preprocessing":"decode"}',
      "--device=webgpu",
    );
    expect(recipe.optimizer.learningRate).toBe(3e-4);
    expect(recipe.model).toMatchObject({ depth: 4, rematerialise: true, imageSize: [32, 64], width: 32 });
    expect(recipe.name).toBe("123");
    expect(recipe.data.train).toMatchObject({ source: "elsewhere", preprocessing: "decode|value_range(-1,1)" });
    expect(recipe.optimizer.weightDecayPatterns).toEqual([["head/.*", 0]]);
    expect(recipe.data.evaluation).toEqual({ source: "x", preprocessing: "decode" });
    expect(recipe.device).toBe("webgpu");
  });

  test("one unit of a duration replaces another, also of a default", () => {
    expect(set("--total.steps=5").total).toEqual({ steps: 5 });
    expect(set("--evaluate.every.steps=7").evaluate.every).toEqual({ steps: 7 });
    expect(set("--checkpoint.every.examples=700").checkpoint).toEqual({ every: { examples: 700 }, keepLast: 2 });
    expect(set("--schedule.warmup.steps=5").schedule).toEqual({ name: "cosine", warmup: { steps: 5 } });
  });

  test.each(publishedSuccessors.map(({ name, config }) => [name, config] as const))(
    "the variant %s brings all settings of the published network",
    (variant, published) => {
      const named = (more: object = {}) => ({ ...small, model: { name: "vit", variant, ...more } });
      const recipe = resolveRecipe(named());
      expect(modelConfig(recipe.model, 10)).toEqual({ family: "vit", ...published, classes: 10 });
      expect(recipe.model).toMatchObject({ imageSize: 224, pooling: published.pooling, gelu: published.gelu });
      expect(resolveRecipe(recipe)).toEqual(recipe);
      // what is given takes precedence
      const changed = resolveRecipe(named({ layerNormEpsilon: 1e-3, stochasticDepth: 0.1, pooling: undefined }));
      expect(modelConfig(changed.model, 10)).toEqual({
        family: "vit",
        ...published,
        classes: 10,
        layerNormEpsilon: 1e-3,
        stochasticDepth: 0.1,
      });
    },
  );

  test("an unknown variant names the nearest", () => {
    const recipe = resolveRecipe({ ...small, model: { name: "vit", variant: "DINOv2-S/15" } });
    expect(() => modelConfig(recipe.model, 10)).toThrow(/did you mean "DINOv2-S\/14"/);
  });

  test("a variant is chosen before its settings are set, and null removes what it does not have", () => {
    const recipe = resolveRecipe(
      applyOverrides(
        { ...small, optimizer: { name: "adamw", learningRate: 1, beta1: 0.8 } },
        parseOverrides(["--optimizer.momentum=0.5", "--optimizer.beta1=null", "--optimizer.name=sgd"]),
      ),
    );
    expect(recipe.optimizer).toMatchObject({ name: "sgd", momentum: 0.5, learningRate: 1 });
  });

  test("the input is left as it was", () => {
    const before = structuredClone(small);
    set("--model.depth=9");
    expect(small).toEqual(before);
  });

  test.each([
    [
      "--optimizer.learningrate=1",
      /--optimizer\.learningrate: unknown recipe setting; did you mean --optimizer\.learningRate\?/,
    ],
    ["--learningRate=1", /did you mean --optimizer\.learningRate\?/],
    ["--batch-size=8", /did you mean --batchSize\?/],
    ["--model.deptj=8", /did you mean --model\.depth\?/],
    ["--zzzzzz.qqqqqqqq=8", /unknown recipe setting$/],
    ["--seed.value=8", /unknown recipe setting/],
    ["--optimizer.momentum=0.9", /--optimizer\.momentum: not a setting of the optimizer "adamw" this recipe uses/],
    ["--model.depth=abc", /--model\.depth=abc: .*expected number/],
    ["--model.pooling=max", /--model\.pooling=max: .*"gap"\|"tok"/],
    [
      "--optimizer.name=adamv",
      /--optimizer\.name=adamv: expected one of sgd, adam, adamw, adafactor; did you mean "adam"\?/,
    ],
    ["--model.__proto__.x=1", /unknown recipe setting/],
  ])("refuses %s", (word, message) => {
    expect(() => set(word)).toThrow(message);
  });

  test("every leaf of a recipe can be named, and is its own nearest", () => {
    const leaves = leafPaths(recipeSchema);
    expect(leaves).toContain("optimizer.momentum");
    expect(leaves).toContain("schedule.warmup.percent");
    expect(leaves).toContain("checkpoint.keepBest.mode");
    expect(leaves.length).toBeGreaterThan(60);
    for (const leaf of leaves) expect(nearestPath(leaf)).toBe(leaf);
  });
});

describe("comparing", () => {
  test("what only watches a run does not change its hash", () => {
    const a = resolveRecipe(small);
    const b = resolveRecipe({ ...small, name: "other", output: "there", log: { every: { steps: 1 } } });
    expect(recipeHash(b)).toBe(recipeHash(a));
    expect(recipeDifferences(a, b)).toEqual([]);
  });

  test("what decides its course does, and is named", () => {
    const a = resolveRecipe(small);
    const b = set("--model.depth=3", "--total.steps=9");
    expect(recipeHash(b)).not.toBe(recipeHash(a));
    expect(recipeDifferences(a, b)).toEqual([
      "model.depth: 2 -> 3",
      "total.epochs: 2 -> unset",
      "total.steps: unset -> 9",
    ]);
  });

  test("the order of keys does not matter", () => {
    const turned = Object.fromEntries(Object.entries(small).reverse());
    expect(recipeHash(resolveRecipe(turned))).toBe(recipeHash(resolveRecipe(small)));
  });
});
