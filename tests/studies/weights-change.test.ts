/** Start weights that keep a part of trained ones, and the job that writes them. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ModelConfig } from "../../src/models/index.js";
import { open, readNetwork } from "../../src/networks/index.js";
import { commonRecipe, downstreamTask } from "../../src/studies/framework/training-job.js";
import { JobStore, runJobs, type StudyContext, scales, studyData, trainingJob } from "../../src/studies/index.js";
import { changedWeights, depthOf, type KeptPart } from "../../src/studies/jobs/weights-change.js";
import { weightsJob } from "../../src/studies/jobs/weights-job.js";
import type { Weights } from "../../src/weights/index.js";
import { mixer, resnet, vit, weightsOf } from "../support/seeded-models.js";

const trained = weightsOf(vit);
const kernel = "Transformer/encoderblock_1/MlpBlock_0/Dense_0/kernel";
const values = (weights: Weights, name = kernel): Float32Array => weights.tensors.get(name)?.data ?? new Float32Array();
const change = (keeps: KeptPart, seed = 0) => changedWeights(trained, { keeps, seed });

/** Mean and population variance, by two passes over plain numbers. */
function moments(data: Float32Array) {
  let sum = 0;
  for (const value of data) sum += value;
  const mean = sum / data.length;
  let squares = 0;
  for (const value of data) squares += (value - mean) * (value - mean);
  return { mean, variance: squares / data.length };
}

describe("changed weights", () => {
  test("shuffled: the same numbers at other places, by the seed", () => {
    const shuffled = values(change("values"));
    expect([...shuffled].sort()).toEqual([...values(trained)].sort());
    expect([...shuffled]).not.toEqual([...values(trained)]);
    expect([...values(change("values", 1))]).not.toEqual([...shuffled]);
    expect([...values(change("values"))]).toEqual([...shuffled]);
  });

  test("moments: mean and variance of the trained tensor, within what as many draws give", () => {
    const big = weightsOf({ ...vit, width: 48, mlpDim: 192 } as ModelConfig);
    const data = values(big);
    // a tensor with a mean that is not zero
    for (const [i, value] of data.entries()) data[i] = 0.3 * value + 2;
    const drawn = moments(values(changedWeights(big, { keeps: "moments", seed: 3 })));
    const { mean, variance } = moments(data);
    // four standard errors of the mean and of the variance of normal numbers
    expect(Math.abs(drawn.mean - mean)).toBeLessThan(4 * Math.sqrt(variance / data.length));
    expect(Math.abs(drawn.variance / variance - 1)).toBeLessThan(4 * Math.sqrt(2 / data.length));
    expect(values(changedWeights(big, { keeps: "moments", seed: 3 })).some((value, i) => value === data[i])).toBe(
      false,
    );
  });

  test("parts: trained in the stem and the first blocks, default elsewhere", () => {
    const nothing = change("nothing");
    const half = change("first half");
    const names = [...trained.tensors.keys()];
    const kept = (weights: Weights) =>
      names.filter((name) => values(weights, name) === values(trained, name) && depthOf(name, vit) < 3);
    expect(kept(nothing)).toEqual([]);
    expect(kept(change("all"))).toEqual(names);
    expect(kept(change("stem")).every((name) => /^(embedding|cls|Transformer\/posembed_input)/.test(name))).toBe(true);
    expect(kept(change("stem")).length).toBeGreaterThan(2);
    expect(kept(half).every((name) => !/encoderblock_1|encoder_norm|head/.test(name))).toBe(true);
    expect(kept(half).filter((name) => name.includes("encoderblock_0")).length).toBe(
      names.filter((name) => name.includes("encoderblock_0")).length,
    );
    expect([...values(half)]).toEqual([...values(nothing)]);
    // the default initialisation of a bias and of a scale
    expect(values(nothing, "Transformer/encoder_norm/scale").every((value) => value === 1)).toBe(true);
  });

  test("positions alone are initialised anew, for the new image size", () => {
    const same = changedWeights(trained, { keeps: "all", imageSize: 16, seed: 0 });
    const fresh = changedWeights(trained, { keeps: "all but positions", imageSize: 16, seed: 0 });
    const positions = "Transformer/posembed_input/pos_embedding";
    const changed = [...trained.tensors.keys()].filter((name) => values(same, name) !== values(fresh, name));
    expect(changed).toEqual([[...trained.tensors.keys()].find((name) => name.endsWith("pos_embedding"))]);
    const [name = positions] = changed;
    // 4 x 4 patches instead of 2 x 2, and a class token where it comes first
    const tokens = (trained.tensors.get(name)?.shape[1] ?? 0) - 4 + 16;
    expect(fresh.tensors.get(name)?.shape).toEqual([1, tokens, 8]);
    expect(same.image.height).toBe(16);
  });

  test("depths ascend through the blocks of every family", () => {
    expect(depthOf("conv_root/kernel", resnet)).toBe(0);
    expect(depthOf("block1/unit1/conv1/kernel", resnet)).toBeCloseTo(1 / 3);
    expect(depthOf("block2/unit1/gn1/scale", resnet)).toBeCloseTo(2 / 3);
    expect(depthOf("block2/unit2/gn1/scale", resnet)).toBe(1);
    expect(depthOf("norm/scale", resnet)).toBe(2);
    expect(depthOf("stem/kernel", mixer)).toBe(0);
    expect(depthOf("MixerBlock_1/LayerNorm_0/scale", mixer)).toBe(1);
    expect(depthOf("pre_head_layer_norm/scale", mixer)).toBe(2);
    expect(depthOf("Transformer/encoderblock_0/LayerNorm_0/scale", vit)).toBe(0.5);
    expect(depthOf("head/kernel", vit)).toBe(2);
  });
});

describe("a weights job", () => {
  let folder: string;
  let context: StudyContext;
  const model = { name: "vit", patchSize: 8, width: 16, depth: 2, heads: 1, mlpDim: 16, imageSize: 16 } as const;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "fovea-weights-"));
    const data = await studyData("generated:shapes?label=count&length=64", ["embedded:sign-digits"]);
    const scale = { ...scales.minutes, imageSize: 16, subsets: [64], examples: 64, batchSize: 8, heldImages: 16 };
    context = { scale, seeds: [0], data };
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test("writes weights that a downstream training starts from", async () => {
    const store = new JobStore(folder);
    const options = { recipe: { ...commonRecipe, model }, seed: 0, milestones: [1], downstream: [] };
    const source = trainingJob(context, { ...options, title: "source" });
    const weights = weightsJob(source, { keeps: "all", seed: 0 });
    // learning rate 0: the weights at the end are those of the start
    const recipe = {
      ...options.recipe,
      data: downstreamTask("embedded:sign-digits", 16),
      optimizer: { ...commonRecipe.optimizer, learningRate: 0 },
    };
    const job = trainingJob(context, { ...options, title: "downstream", recipe, start: weights, examples: 16 });
    await runJobs(store, [job], { threads: 1 });
    const read = (folderOf: string) => readNetwork(join(folderOf, "run"));
    const [before, after] = [await read(store.folderOf(source)), await read(store.folderOf(job))];
    expect(after.tensors.get(kernel)?.data).toEqual(before.tensors.get(kernel)?.data);
    expect(after.tensors.get("head/kernel")?.shape).toEqual([16, 10]);
    expect(await store.read(weights)).toMatchObject({
      measurements: [],
      settings: { change: { keeps: "all", seed: 0 } },
    });
    const values = (await store.read(job))?.measurements.at(-1)?.values ?? {};
    expect(Object.keys(values).sort()).toEqual(["loss", "upstream"]);
    // a head of zeros gives every image the same class, of ten about equal ones
    expect(values["upstream"]).toBeGreaterThan(0.05);
    expect(values["upstream"]).toBeLessThan(0.15);
    await using network = await open(join(store.folderOf(weights), "run"));
    expect(network.imageShape).toEqual([16, 16, 3]);
  });
});
