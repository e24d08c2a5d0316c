/**
 * The published recipes beside the configurations they follow: the fields of big_vision (commit of 2025-05-19), in its own notation and
 * units, and what ours must say to mean the same.
 */
import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { preprocessing } from "../../../src/images/index.js";
import { createSchedule } from "../../../src/optim/index.js";
import { loadRecipe, type Recipe } from "../../../src/train/index.js";
import { scheduleConfig } from "../../../src/train/recipe/optimizer.js";

const folder = new URL("../../../recipes/published/", import.meta.url).pathname;

/** `config.*` of big_vision. */
interface Original {
  readonly file: string;
  readonly loss: "softmax_xent" | "sigmoid_xent" | "kl";
  readonly batch_size: number;
  readonly total_epochs?: number;
  readonly total_steps?: number;
  /** Between decoding and `value_range`. */
  readonly pp: string;
  readonly model: Readonly<Record<string, unknown>>;
  readonly init_head_bias?: number;
  readonly mixup_p?: number;
  readonly optax: "scale_by_adam" | "scale_by_adafactor";
  readonly mu_dtype?: "bfloat16";
  readonly lr: number;
  /** Absolute: not multiplied by the rate. */
  readonly wd: number;
  readonly head_wd_mult?: number;
  readonly grad_clip_norm: number;
  readonly warmup_steps: number;
  /** The multiplier of the rate at a step of a run of 1,000,000 steps, by its formula. */
  readonly multiplier: (step: number) => number;
}

const total = 1_000_000;
const warm = (step: number, warmup: number) => Math.min(1, step / warmup);
const progress = (step: number, warmup: number) => Math.min(1, Math.max(0, (step - warmup) / (total - warmup)));
const cosine = (warmup: number) => (step: number) =>
  0.5 * (1 + Math.cos(Math.PI * progress(step, warmup))) * warm(step, warmup);

const adam = { optax: "scale_by_adam", mu_dtype: "bfloat16", grad_clip_norm: 1 } as const;

const originals: Readonly<Record<string, Original>> = {
  "mixer-i1k": {
    ...{ file: "configs/mlp_mixer_i1k.py", loss: "sigmoid_xent", batch_size: 4096, total_epochs: 300 },
    pp: "inception_crop(224)|flip_lr|randaug(2,15)",
    model: { name: "mixer", variant: "Mixer-B/16", stochasticDepth: 0.1 },
    ...{ init_head_bias: -6.9, mixup_p: 0.5, lr: 1e-3, wd: 1e-4, warmup_steps: 10_000 },
    ...{ optax: "scale_by_adam", grad_clip_norm: 1 },
    // linear_end = 1e-5 is a multiplier too: lr = zero + (lr - zero) * (1 - progress)
    multiplier: (step) => (1e-5 + (1 - 1e-5) * (1 - progress(step, 10_000))) * warm(step, 10_000),
  },
  "augreg-i1k": {
    ...{ file: "configs/vit_i1k.py", loss: "sigmoid_xent", batch_size: 4096, total_epochs: 300, ...adam },
    // aug medium2
    pp: "inception_crop(224)|flip_lr|randaug(2,15)",
    // rep_size True
    model: {
      name: "vit",
      variant: "B/16",
      pooling: "tok",
      preLogits: true,
      posEmbedding: "learn",
      dropout: 0,
      stochasticDepth: 0,
    },
    ...{ init_head_bias: -6.9, mixup_p: 0.5, lr: 1e-3, wd: 1e-4, warmup_steps: 10_000 },
    multiplier: cosine(10_000),
  },
  "augreg-i21k": {
    ...{ file: "configs/vit_i21k.py", loss: "sigmoid_xent", batch_size: 4096, total_epochs: 300, ...adam },
    // aug light2
    pp: "inception_crop(224)|flip_lr|randaug(2,10)",
    model: {
      name: "vit",
      variant: "B/16",
      pooling: "gap",
      preLogits: false,
      posEmbedding: "learn",
      dropout: 0,
      stochasticDepth: 0,
    },
    ...{ init_head_bias: -10, mixup_p: 0.2, lr: 1e-3, wd: 1e-4, warmup_steps: 10_000 },
    multiplier: cosine(10_000),
  },
  "vit-g": {
    ...{
      file: "configs/proj/scaling_laws/train_vit_g.py",
      loss: "sigmoid_xent",
      batch_size: 4096 * 4,
      total_steps: 1e6,
    },
    pp: "inception_crop(224)|flip_lr",
    model: { name: "vit", variant: "g/14", pooling: "map", preLogits: false, posEmbedding: "learn" },
    ...{ init_head_bias: -10, optax: "scale_by_adafactor", lr: 8e-4, wd: 0.03 * 8e-4, head_wd_mult: 100 },
    ...{ grad_clip_norm: 1, warmup_steps: 10_000 },
    // rsqrt, timescale 10,000, cooldown_steps 50,000
    multiplier: (step) =>
      (1 / Math.sqrt(1 + Math.max(0, step - 10_000) / 10_000)) *
      warm(step, 10_000) *
      Math.min(1, (total - step) / 50_000),
  },
  "vit-s16-i1k": {
    ...{ file: "configs/vit_s16_i1k.py", loss: "softmax_xent", batch_size: 1024, total_epochs: 90, ...adam },
    pp: "inception_crop(224)|flip_lr|randaug(2,10)",
    model: { name: "vit", variant: "S/16", pooling: "gap", preLogits: true, posEmbedding: "sincos2d" },
    ...{ mixup_p: 0.2, lr: 1e-3, wd: 1e-4, warmup_steps: 10_000 },
    multiplier: cosine(10_000),
  },
  "distillation-i1k": {
    ...{ file: "configs/proj/distill/bit_i1k.py", loss: "kl", batch_size: 4096, total_epochs: 1200, ...adam },
    pp: "inception_crop(224)|flip_lr",
    // models/bit_paper.py pools with -inf round the image
    model: { name: "resnet", variant: "R50x1", rootPoolPadding: "none", imageSize: 224 },
    ...{ mixup_p: 1, lr: 0.03, wd: 3e-4, warmup_steps: 5000 },
    multiplier: cosine(5000),
  },
  "distillation-flowers": {
    ...{ file: "configs/proj/distill/bigsweep_flowers_pet.py:data=flowers,variant=fast", loss: "kl", batch_size: 512 },
    ...{ total_epochs: 10_000, ...adam },
    pp: "inception_crop(128)|flip_lr",
    model: { name: "resnet", variant: "R50x1", rootPoolPadding: "none", imageSize: 128 },
    ...{ mixup_p: 1, lr: 3e-3, wd: 3e-4, warmup_steps: 1500 },
    multiplier: cosine(1500),
  },
};

const read = (name: string): Promise<Recipe> => loadRecipe(`${folder}${name}.ts`);
const lossNames = { softmax_xent: "softmax", sigmoid_xent: "sigmoid", kl: "distillation" };
const optimizerNames = { scale_by_adam: ["adam", "adamw"], scale_by_adafactor: ["adafactor"] };

/** What decays of a parameter at the peak of the schedule, in big_vision's units. */
function absoluteDecay({ optimizer }: Recipe, parameter: string): number {
  const patterns = optimizer.weightDecayPatterns ?? [[".*/kernel", 1] as const];
  const found = patterns.find(([pattern]) => new RegExp(`^(?:${pattern})$`).test(parameter));
  return optimizer.weightDecay * (found?.[1] ?? 0) * (optimizer.name === "adamw" ? optimizer.learningRate : 1);
}

/** Ops between decoding and scaling, `augreg(...)` as the `randaug` it stands for. */
function operationsOf(recipe: Recipe): string {
  const { train } = recipe.data;
  const [part] = Array.isArray(train) ? train : [train];
  const rewritten = part.preprocessing
    .replace("augreg(light2)", "randaug(2,10)")
    .replace("augreg(medium2)", "randaug(2,15)");
  const ops = preprocessing(rewritten).map(({ text }) => text);
  expect([ops[0], ops.at(-1)]).toEqual(["decode", "value_range(-1,1)"]);
  return ops.slice(1, -1).join("|");
}

describe.each(Object.entries(originals))("%s follows its configuration", (name, original) => {
  test("model, images and loss", async () => {
    const recipe = await read(name);
    expect(recipe.model).toMatchObject(original.model);
    expect(recipe.model.headBiasInit ?? 0).toBe(original.init_head_bias ?? 0);
    expect(operationsOf(recipe)).toBe(original.pp);
    expect(recipe.objective.name).toBe(lossNames[original.loss]);
    expect(recipe.mixup).toEqual({ alpha: original.mixup_p ?? 0, kind: "big_vision" });
    expect(recipe.batchSize).toBe(original.batch_size);
    const { total_epochs: epochs, total_steps: steps } = original;
    expect(recipe.total).toEqual(epochs === undefined ? { steps } : { epochs });
  });

  test("optimiser, decay and schedule", async () => {
    const recipe = await read(name);
    const { optimizer } = recipe;
    expect(optimizerNames[original.optax]).toContain(optimizer.name);
    expect(optimizer).toMatchObject({ learningRate: original.lr, clipNorm: original.grad_clip_norm });
    expect(optimizer.l2Penalty ?? 0).toBe(0);
    // adafactor's momentum is bfloat16 by default
    const half = original.mu_dtype === "bfloat16" || original.optax === "scale_by_adafactor";
    expect(optimizer).toHaveProperty("momentumDtype", half ? "float16" : "float32");
    expect(absoluteDecay(recipe, "body/x/kernel")).toBeCloseTo(original.wd, 12);
    expect(absoluteDecay(recipe, "head/kernel")).toBeCloseTo(original.wd * (original.head_wd_mult ?? 1), 12);
    for (const parameter of ["head/bias", "x/scale", "cls", "pos_embedding"])
      expect(absoluteDecay(recipe, parameter)).toBe(0);
    if (optimizer.name !== "sgd" && optimizer.name !== "adafactor")
      expect(optimizer).toMatchObject({ beta1: 0.9, beta2: 0.999, epsilon: 1e-8 });
    const config = scheduleConfig(recipe.schedule, {
      batchSize: original.batch_size,
      totalSteps: total,
    });
    const ours = createSchedule(config, { total });
    for (const step of [0, 1, 1499, 5000, 9999, 10_000, 10_001, 300_000, 949_999, 960_000, 999_999, total])
      expect(ours(step), `step ${step}`).toBeCloseTo(original.multiplier(step), 12);
  });
});

test("distillation's temperatures and teachers are the configurations'", async () => {
  const [imagenet, flowers] = [await read("distillation-i1k"), await read("distillation-flowers")];
  expect(imagenet.objective).toMatchObject({ temperature: 1, teachers: [{ network: "R152x2_T_224.npz" }] });
  expect(flowers.objective).toMatchObject({ temperature: 10, teachers: [{ network: "R152x2_T_flowers128.npz" }] });
});

test("bit-m is the paper's: SGD with a coupled decay of 1e-4, a staircase at 30, 60 and 80 of 90 epochs", async () => {
  const recipe = await read("bit-m");
  expect(recipe).toMatchObject({
    model: { name: "resnet", variant: "R50x1", headBiasInit: -10 },
    objective: { name: "sigmoid" },
    batchSize: 4096,
    total: { epochs: 90 },
    mixup: { alpha: 0 },
    optimizer: {
      name: "sgd",
      momentum: 0.9,
      nesterov: false,
      learningRate: (0.03 * 4096) / 256,
      l2Penalty: 1e-4,
      weightDecay: 0,
    },
    schedule: { name: "stair", mults: [0.1, 0.01, 0.001], warmup: { steps: 5000 } },
  });
  if (recipe.schedule.name !== "stair") throw new Error("no staircase");
  const perEpoch = 14.2e6 / 4096;
  recipe.schedule.steps.forEach((step, i) => {
    expect(step / perEpoch).toBeCloseTo([30, 60, 80][i] ?? Number.NaN, 1);
  });
});

test("fractaldb-1k is pretraining/args.py's and pretraining/main.py's", async () => {
  const recipe = await read("fractaldb-1k");
  expect(recipe).toMatchObject({
    model: { variant: "R50x1" },
    objective: { name: "softmax", labelSmoothing: 0 },
    batchSize: 256,
    total: { epochs: 90 },
    optimizer: {
      name: "sgd",
      momentum: 0.9,
      learningRate: 0.1,
      l2Penalty: 1e-4,
      weightDecay: 0,
      weightDecayPatterns: [[".*", 1]],
    },
    // MultiStepLR([30, 60], gamma=0.1), 1,000,000 / 256 steps an epoch with drop_last
    schedule: { name: "stair", steps: [30 * 3906, 60 * 3906], mults: [0.1, 0.01] },
  });
});

test("every published recipe is compared here", () => {
  const files = readdirSync(folder).map((file) => file.replace(/\.ts$/, ""));
  expect(files.toSorted()).toEqual([...Object.keys(originals), "bit-m", "fractaldb-1k"].toSorted());
});
