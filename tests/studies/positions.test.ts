/** The study of positions: permuted patches in training and measuring, and the proof that one permutation changes nothing. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { preprocessImage, rawImage } from "../../src/images/index.js";
import { vitConfig } from "../../src/models/index.js";
import { open } from "../../src/networks/index.js";
import { fewShotAccuracy } from "../../src/studies/framework/downstream.js";
import { type Job, JobStore, type Row, runJobs, scales, studyData, studyNamed } from "../../src/studies/index.js";
import { withOp } from "../../src/studies/jobs/permuted-patches.js";
import { readMetrics } from "../../src/train/index.js";
import { saveWeights, type Weights } from "../../src/weights/index.js";
import { weightsOf } from "../support/seeded-models.js";
import { plannedData } from "../support/study-data.js";
import { trainTiny } from "../support/trained-run.js";

const study = studyNamed("positions");
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fovea-positions-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("training on patches that are permuted once", () => {
  const [side, patch, width, tokens] = [16, 4, 24, 16];
  const settings = { patchSize: patch, width, depth: 2, heads: 2, mlpDim: 32 };
  const source = "generated:shapes?label=shape&size=16";

  // Losses of every step and of every evaluation of a run that starts from weights.
  async function losses(name: string, weights: Weights, op?: string): Promise<number[]> {
    const file = join(folder, `${name}.safetensors`);
    await saveWeights(file, weights, "fovea");
    const change = (pipeline: string) => (op === undefined ? pipeline : withOp(pipeline, op));
    const run = await trainTiny(join(folder, name), {
      model: { ...settings, name: "vit", imageSize: side },
      data: {
        train: {
          source: `${source}&length=40`,
          preprocessing: change("decode|inception_crop(16)|flip_lr|value_range(-1,1)"),
        },
        evaluation: { source: `${source}&length=12`, preprocessing: change("decode|value_range(-1,1)") },
        workers: 0,
      },
      batchSize: 8,
      total: { steps: 16 },
      optimizer: { name: "adamw", learningRate: 3e-3, weightDecay: 0.05, clipNorm: 1 },
      average: { name: "ema", decay: 0.5 },
      evaluate: { every: { steps: 8 } },
      log: { every: { steps: 1 } },
      initialWeights: file,
    });
    const records = await readMetrics(join(run, "metrics.jsonl"));
    return records.flatMap((one) =>
      Object.entries(one).flatMap(([key, value]) => (/loss/.test(key) ? [Number(value)] : [])),
    );
  }

  // The patch that each place of a permuted image has, from an image whose patches have their numbers as values.
  async function placesOf(op: string): Promise<number[]> {
    const numbers = Uint8Array.from({ length: side * side }, (_, i) => {
      return Math.floor(i / side / patch) * (side / patch) + Math.floor((i % side) / patch);
    });
    const { data } = await preprocessImage(op, rawImage(numbers, side, side, 1));
    const corner = (i: number) => Math.floor(i / 4) * patch * side + (i % 4) * patch;
    return Array.from({ length: tokens }, (_, i) => data[corner(i)] ?? -1);
  }

  test("gives the losses of training on plain ones when the table of positions is permuted along, and others when not", async () => {
    const op = `permute_patches(${patch})`;
    const config = { family: "vit" as const, ...vitConfig("Ti/4", { ...settings, classes: 4 }) };
    const weights = weightsOf(config, { height: side, width: side, channels: 3 });
    const places = await placesOf(op);
    const permuted: Weights = {
      ...weights,
      tensors: new Map(
        [...weights.tensors].map(([name, tensor]) => [
          name,
          name.endsWith("pos_embedding")
            ? {
                ...tensor,
                data: Float32Array.from(
                  tensor.data,
                  (_, i) => tensor.data[(places[Math.floor(i / width)] ?? 0) * width + (i % width)] ?? 0,
                ),
              }
            : tensor,
        ]),
      ),
    };
    const plain = await losses("plain", weights);
    expect(plain.length).toBeGreaterThan(16);
    const farthest = (others: readonly number[]) =>
      Math.max(...others.map((loss, i) => Math.abs(loss / (plain[i] ?? 0) - 1)));
    expect(farthest(await losses("along", permuted, op))).toBeLessThan(1e-5);
    expect(farthest(await losses("table only", permuted))).toBeGreaterThan(1e-3);
    expect(farthest(await losses("patches only", weights, op))).toBeGreaterThan(1e-3);
  });
});

test("an op stands before the last one, and replaces another of its name", () => {
  expect(withOp("decode|resize(32)|value_range(-1,1)", "permute_patches(4)")).toBe(
    "decode|resize(32)|permute_patches(4)|value_range(-1,1)",
  );
  expect(withOp("decode|permute_patches(4,seed=2)|value_range(-1,1)", "permute_patches(4)")).toBe(
    "decode|permute_patches(4)|value_range(-1,1)",
  );
});

interface Planned {
  readonly recipe: {
    readonly data: Record<"train" | "evaluation", { readonly preprocessing: string }>;
  };
}

test("plans training with and without permuted patches; at test time only, the network is that of learned positions", () => {
  const runs = study.runs({ scale: scales.minutes, seeds: [0], data: plannedData });
  const of = (series: string) => runs.find((run) => run.series === series)?.job;
  const planned = (job: Job | undefined) => job?.settings as Planned;
  const ops = (series: string) => {
    const { data } = planned(of(series)?.needs[0]).recipe;
    return [data.train, data.evaluation].map(({ preprocessing }) => /\w+_patches\(8\)/.exec(preprocessing)?.[0]);
  };
  expect(ops("permuted once")).toEqual(["permute_patches(8)", "permute_patches(8)"]);
  expect(ops("permuted anew for each image")).toEqual(["shuffle_patches(8)", "shuffle_patches(8)"]);
  for (const series of ["permuted once", "permuted at test time only"]) {
    expect(of(series)?.settings).toMatchObject({ op: "permute_patches(8)" });
  }
  expect(of("permuted anew for each image")?.settings).toMatchObject({ op: "shuffle_patches(8)" });
  expect(of("permuted at test time only")?.needs[0]?.id).toBe(of("1-D learned")?.id);
});

test("a run is measured on images with its own op", async () => {
  const data = await studyData("generated:shapes?label=count&length=64", ["embedded:sign-digits"]);
  const model = { name: "vit" as const, patchSize: 8, width: 16, depth: 1, heads: 1, mlpDim: 16, imageSize: 16 };
  const models = { ...scales.minutes.models, ViT: { small: model, medium: model, large: model } };
  const scale = { ...scales.minutes, imageSize: 16, subsets: [64], examples: 512, batchSize: 16, models };
  const run = study.runs({ scale, seeds: [0], data }).find(({ series }) => series.includes("anew"));
  if (!run) throw new Error("no run");
  const store = new JobStore(join(folder, "store"));
  await runJobs(store, [run.job], { threads: 1 });
  const found = await store.read(run.job);
  const preprocessing = String(found?.details["preprocessing"]);
  expect(preprocessing.split("|").filter((op) => op.includes("patches"))).toEqual(["shuffle_patches(8)"]);
  await using network = await open(join(store.folderOf(run.job.needs[0] ?? run.job), "run"), { threads: 1 });
  const measured = async (pipeline: string) => await fewShotAccuracy(network, data.downstream, 1, pipeline);
  expect(await measured(preprocessing)).toEqual(found?.measurements[0]?.values);
  expect(await measured(preprocessing.replace("|shuffle_patches(8)", ""))).not.toEqual(found?.measurements[0]?.values);
});

test("the verdict compares kinds of positions, and reports what permuted patches cost", async () => {
  const row = (seed: number, series: string, y: number): Row => {
    return { job: "a", seed, series, x: 0, y, images: 0, flops: 0, seconds: 0 };
  };
  const kinds = [0, 1].flatMap((seed) => [row(seed, "none", 0.2), row(seed, "1-D learned", 0.25 + 0.01 * seed)]);
  const before = await study.judge(kinds);
  expect(before.effect).toBeCloseTo(0.055, 12);
  expect(before.text).not.toContain("patches");
  expect(await study.figures(kinds)).toHaveLength(1);
  const rows = [...kinds, ...[0, 1].map((seed) => row(seed, "permuted anew for each image", 0.22 + 0.01 * seed))];
  const { effect, text } = await study.judge(rows);
  expect(effect).toBe(before.effect);
  expect(text).toContain("1-D learned minus the same with patches permuted anew for each image +3.0 points (");
  expect(await study.figures(rows)).toHaveLength(2);
});
