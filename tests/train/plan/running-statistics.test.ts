/** The running statistics of batch norm in training: microbatches, averages, frozen layers, ranks, and a run with its export. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { exportNetwork, open } from "../../../src/library/index.js";
import { type ModelConfig, mobilenetConfig } from "../../../src/models/index.js";
import { keyedRandom } from "../../../src/random/named.js";
import { compile } from "../../../src/runtime/index.js";
import { buildTraining, classification } from "../../../src/train/index.js";
import type { TrainingConfig } from "../../../src/train/plan/step.js";
import { plainMobileNet } from "../../support/plain-mobilenet.js";
import { temporaryFolder, trainTiny } from "../../support/trained-run.js";
import { relativeError } from "../../support/vit-cases.js";

const classes = 3;
const side = 32;
const config = mobilenetConfig("V3-small-0.1", { classes, batchNormMomentum: 0.8 });
const model: ModelConfig = { family: "mobilenet", ...config };

function training(batchSize: number, changes: Partial<TrainingConfig> = {}) {
  const sizes = { model, image: [side, side, 3] as const, batchSize, evaluationBatchSize: batchSize };
  const settings = { ...sizes, classes, valueRange: [[-1, 1]] as const, vectorTargets: false };
  return buildTraining(
    classification({ loss: "softmax", labelSmoothing: 0 }, settings),
    { ...sizes, microbatches: 1, optimizer: { name: "sgd", learningRate: 0.1 }, schedule: () => 1, ...changes },
    0,
  );
}

const images = (count: number, seed = 0) => {
  const random = keyedRandom(seed, "images");
  return Float32Array.from({ length: count * side * side * 3 }, () => 2 * random() - 1);
};
const labels = (count: number) => Int32Array.from({ length: count }, (_, i) => i % classes);

/** State after a step on a batch. */
async function stepped(built: ReturnType<typeof training>, image: Float32Array) {
  const { step } = built.source.functions;
  await using program = await compile(
    { state: built.source.state, functions: { step: step! } },
    { threads: 1, inThread: true },
  );
  await program.writeState(built.initialState());
  const label = labels(image.length / (side * side * 3));
  await program.step({ image, label, ...built.stepInputs(0, 0) });
  return program.readState();
}

/** The layers that are compared: the first, and two depthwise ones. */
const layers = ["stem", "block4/depthwise", "block11/depthwise"];

/** Mean and unbiased variance of every layer for a part of the batch, by the plain network with the initial weights. */
function plainStatistics(image: Float32Array) {
  const count = image.length / (side * side * 3);
  const values = Object.fromEntries(
    Object.entries(training(4).initialState()).map(([name, data]) => [name, Float64Array.from(data as Float32Array)]),
  );
  const found: Record<string, { mean: Float64Array; variance: Float64Array }> = {};
  plainMobileNet(values, image, [count, side, side, 3], config, found);
  return (layer: string) => {
    const reduction = { stem: 2, "block4/depthwise": 16, "block11/depthwise": 32 }[layer]!;
    const entries = count * (side / reduction) ** 2;
    const { mean, variance } = found[layer]!;
    return { mean, variance: variance.map((value) => (value * entries) / (entries - 1)) };
  };
}

describe("a step", () => {
  test("composes the updates of its microbatches in their order", async () => {
    const image = images(8);
    const state = await stepped(training(8, { microbatches: 2 }), image);
    const halves = [image.slice(0, image.length / 2), image.slice(image.length / 2)].map(plainStatistics);
    for (const layer of layers) {
      for (const name of ["mean", "variance"] as const) {
        const [first, second] = halves.map((half) => half(layer)[name]) as [Float64Array, Float64Array];
        const expected = first.map((value, i) => {
          const before = 0.8 * (name === "mean" ? 0 : 1) + 0.2 * value;
          return 0.8 * before + 0.2 * second[i]!;
        });
        expect(relativeError(state[`${layer}/norm/${name}`]!, expected), `${layer} ${name}`).toBeLessThan(1e-4);
      }
    }
  });

  test("averages the statistics as it does weights", async () => {
    const state = await stepped(training(4, { average: { kind: "ema", decay: 0.75 } }), images(4));
    for (const [name, first] of [
      ["mean", 0],
      ["variance", 1],
    ] as const) {
      const next = state[`stem/norm/${name}`] as Float32Array;
      const expected = Array.from(next, (value) => 0.75 * first + 0.25 * value);
      expect(relativeError(state[`average/stem/norm/${name}`]!, expected)).toBeLessThan(1e-6);
      expect(relativeError(next, expected)).toBeGreaterThan(0.1);
    }
  });

  test("does not change those of frozen layers", async () => {
    const optimizer = { name: "sgd", learningRate: 0.1, learningRatePatterns: [["stem/.*", 0]] } as const;
    const state = await stepped(training(4, { optimizer }), images(4));
    expect([...(state["stem/norm/mean"] as Float32Array)].every((value) => value === 0)).toBe(true);
    expect([...(state["block1/depthwise/norm/mean"] as Float32Array)].some((value) => value !== 0)).toBe(true);
  });

  test("of two ranks has the mean of their statistics, and counts no statistic as a parameter", async () => {
    const built = training(4, { sharing: { ranks: 2 } });
    expect(built.parameterCount).toBe(training(4).parameterCount);
    const { gradient, update } = built.source.functions;
    const parts = [images(4, 1), images(4, 2)];
    await using program = await compile(
      { state: built.source.state, functions: { gradient: gradient!, update: update! } },
      { threads: 1, inThread: true },
    );
    await program.writeState(built.initialState());
    const sent: Record<string, Float32Array>[] = [];
    for (const image of parts)
      sent.push((await program.run("gradient", { image, label: labels(4) })) as Record<string, Float32Array>);
    const buckets = Object.keys(sent[0]!).filter((name) => name.startsWith("gradients/"));
    const summed = buckets.map((name) => [name, sent[0]![name]!.map((value, i) => value + sent[1]![name]![i]!)]);
    const { seed: _, ...scalars } = built.stepInputs(0, 0);
    await program.run("update", { ...Object.fromEntries(summed), ...scalars });
    const state = await program.readState();
    const own = await Promise.all(parts.map((image) => stepped(training(4), image)));
    for (const layer of layers) {
      const [first, second] = own.map((one) => one[`${layer}/norm/mean`] as Float32Array) as [
        Float32Array,
        Float32Array,
      ];
      const expected = Array.from(first, (value, i) => (value + second[i]!) / 2);
      expect(relativeError(state[`${layer}/norm/mean`]!, expected), layer).toBeLessThan(1e-5);
    }
  });
});

test("a run, its checkpoint and its export compute the same features, with the running statistics", async () => {
  const folder = temporaryFolder("running-statistics");
  const run = await trainTiny(join(folder, "run"), {
    model: { name: "mobilenet", variant: "V3-small-0.1", imageSize: 16, featureWidth: 12, batchNormMomentum: 0.5 },
  });
  const file = join(folder, "model.onnx");
  await exportNetwork(run, file, { outputs: "features" });
  const random = keyedRandom(1, "pixels");
  const pixels = Array.from({ length: 3 }, () => ({
    data: Uint8Array.from({ length: 16 * 16 * 3 }, () => Math.floor(random() * 256)),
    width: 16,
    height: 16,
    channels: 3 as const,
  }));
  const featuresOf = async (spec: string) => {
    await using network = await open(spec);
    return await Promise.all(pixels.map((one) => network.embed(one)));
  };
  const [own, exported] = [await featuresOf(run), await featuresOf(file)];
  for (const [i, features] of own.entries()) {
    expect(features).toHaveLength(12);
    expect(relativeError(exported[i]!, features)).toBeLessThan(1e-5);
  }
  expect(relativeError(own[0]!, own[1]!)).toBeGreaterThan(1e-3);
});
