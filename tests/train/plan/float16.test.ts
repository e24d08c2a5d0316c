/** Half-precision training: gradients beside those in float32, what stays float32, and steps that overflow. */

import { describe, expect, test } from "vitest";
import { type ModelConfig, mixerDefaults, resnetDefaults, resnetStem, vitConfig } from "../../../src/models/index.js";
import { keyedRandom } from "../../../src/random/named.js";
import { compile } from "../../../src/runtime/index.js";
import { buildTraining, classification } from "../../../src/train/index.js";
import { firstLossScale, nextLossScale } from "../../../src/train/plan/loss-scale.js";

const classes = 3;
const vit = (changes: Partial<ModelConfig & { family: "vit" }>): ModelConfig => ({
  ...vitConfig("Ti/4", { width: 16, depth: 2, heads: 2, mlpDim: 24, classes }),
  family: "vit",
  ...changes,
});
const resnet: ModelConfig = {
  family: "resnet",
  ...resnetDefaults,
  blocks: [1, 1],
  widthFactor: 0.125,
  groups: 4,
  classes,
};
/** With how far gradients may be off, as a share of their norm: where rounding moves a value across 0, a ReLU's gradient jumps. */
const models: readonly (readonly [string, ModelConfig, number])[] = [
  ["ViT, class token, learned positions", vit({ pooling: "tok", posEmbedding: "learn" }), 0.02],
  ["ViT, attention pooling, relative positions", vit({ pooling: "map", posEmbedding: "relative" }), 0.02],
  [
    "hybrid",
    vit({ stem: { ...resnetStem([1]), widthFactor: 0.125, groups: 4 }, patchSize: 1, posEmbedding: "sincos2d" }),
    0.1,
  ],
  ["BiT ResNet, rematerialised", { ...resnet, rematerialise: true }, 0.1],
  [
    "Mixer",
    {
      family: "mixer",
      ...mixerDefaults,
      patchSize: 4,
      width: 16,
      depth: 2,
      tokensMlpDim: 8,
      channelsMlpDim: 24,
      classes,
    },
    0.02,
  ],
];

const side = 16;
const batchSize = 4;

function training(model: ModelConfig, compute: "float32" | "float16", microbatches = 1) {
  const sizes = { model, image: [side, side, 3] as const, batchSize, evaluationBatchSize: batchSize };
  return buildTraining(
    classification(
      { loss: "softmax", labelSmoothing: 0 },
      { ...sizes, classes, valueRange: [[-1, 1]], vectorTargets: false },
    ),
    // a step of 1 against the gradient: the parameters then show it
    { ...sizes, compute, microbatches, optimizer: { name: "sgd", learningRate: 1, momentum: 0 }, schedule: () => 1 },
    0,
  );
}

const batch = () => {
  const random = keyedRandom(0, "batch");
  return {
    image: Float32Array.from({ length: batchSize * side * side * 3 }, () => 2 * random() - 1),
    label: Int32Array.from({ length: batchSize }, (_, i) => i % classes),
  };
};

/** First values of the state; heads start at zero, through which no gradient flows. */
const started = (built: ReturnType<typeof training>) => {
  const state = built.initialState();
  const random = keyedRandom(0, "head");
  state["head/kernel"] = (state["head/kernel"] as Float32Array).map(() => random() - 0.5);
  return state;
};

type Built = ReturnType<typeof training>;

/** The program of the step alone, its state written. */
async function startStep(built: Built) {
  const { step } = built.source.functions;
  const program = await compile(
    { state: built.source.state, functions: { step: step! } },
    { threads: 1, inThread: true },
  );
  await program.writeState(started(built));
  return program;
}

async function gradientsOf(built: Built) {
  await using program = await startStep(built);
  const before = started(built);
  const { loss } = await program.step({ ...batch(), ...built.stepInputs(0, 0, 256) });
  const after = await program.readState();
  const moved = Object.entries(before).map(([name, values]) => {
    return [name, Array.from(values as Float32Array, (value, i) => value - Number(after[name]![i]))] as const;
  });
  return { loss: Number(loss![0]), gradients: Object.fromEntries(moved) };
}

const norm = (values: readonly number[]) => Math.hypot(...values);

test.each(models)("%s: gradients are those of float32 within half precision", async (_, model, tolerance) => {
  const half = await gradientsOf(training(model, "float16"));
  const single = await gradientsOf(training(model, "float32"));
  expect(Math.abs(half.loss - single.loss)).toBeLessThan(0.01 * single.loss);
  expect(half.loss).not.toBe(single.loss);
  const total = norm(Object.values(single.gradients).flat());
  for (const [name, expected] of Object.entries(single.gradients)) {
    const difference = norm(expected.map((value, i) => value - half.gradients[name]![i]!));
    expect(difference, name).toBeLessThan(tolerance * (norm(expected) + 0.1 * total));
    if (norm(expected) > 0.01 * total) expect(norm(half.gradients[name]!), name).toBeGreaterThan(0);
  }
});

describe("the scale of the loss", () => {
  test("saves gradients too small for half precision, and the step is the same whatever power of two it is", async () => {
    const built = training(vit({ pooling: "tok" }), "float16", 2);
    const program = await startStep(built);
    const steps: Record<string, ArrayLike<number>>[] = [];
    for (const scale of [2 ** 4, 2 ** 8]) {
      await program.writeState(started(built));
      await program.step({ ...batch(), ...built.stepInputs(0, 0, scale) });
      steps.push((await program.readState()) as Record<string, Float32Array>);
    }
    // rounding is relative: what is neither too small nor too large rounds alike
    const [small, large] = steps.map((state) => Array.from(state["head/kernel"]!));
    expect(norm(small!.map((value, i) => value - large![i]!))).toBeLessThan(1e-3 * norm(small!));
    // with a scale of 2^-20 every gradient is below the smallest float16
    await program.writeState(started(built));
    const before = started(built)["embedding/kernel"]!;
    await program.step({ ...batch(), ...built.stepInputs(0, 0, 2 ** -30) });
    expect((await program.readState(["embedding/kernel"]))["embedding/kernel"]).toEqual(before);
    await program.close();
  });

  test("a step that overflows says so by its gradient norm and can be dropped", async () => {
    const built = training(vit({ pooling: "tok" }), "float16");
    expect(built.scalesLoss).toBe(true);
    const program = await startStep(built);
    const before = await program.readState();
    const guard = { commitWhenFinite: ["loss", "gradientNorm"] };
    const attempt = (scale: number) => program.attempt("step", { ...batch(), ...built.stepInputs(0, 0, scale) }, guard);
    const overflow = await attempt(2 ** 40);
    expect(Number.isFinite(overflow.results["loss"]![0])).toBe(true);
    expect([overflow.committed, Number.isFinite(overflow.results["gradientNorm"]![0])]).toEqual([false, false]);
    expect(await program.readState()).toEqual(before);
    expect((await attempt(2 ** 8)).committed).toBe(true);
    await program.close();
  });

  test("halves after an overflow and doubles after 2000 steps without one", () => {
    let scale = firstLossScale;
    expect(scale).toEqual({ scale: 65536, goodSteps: 0 });
    scale = nextLossScale(nextLossScale(scale, false), false);
    expect(scale).toEqual({ scale: 16384, goodSteps: 0 });
    for (let step = 0; step < 1999; step++) scale = nextLossScale(scale, true);
    expect(scale).toEqual({ scale: 16384, goodSteps: 1999 });
    expect(nextLossScale(scale, false)).toEqual({ scale: 8192, goodSteps: 0 });
    scale = nextLossScale(scale, true);
    expect(scale).toEqual({ scale: 32768, goodSteps: 0 });
    for (let step = 0; step < 100_000; step++) scale = nextLossScale(scale, true);
    expect(scale.scale).toBe(2 ** 24);
  });
});
