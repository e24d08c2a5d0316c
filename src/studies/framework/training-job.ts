/** Makes a job of a training run: trains by a recipe, measures its checkpoints, and keeps the last one. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type CheckpointInfo, listCheckpoints, open } from "../../networks/index.js";
import { smallest } from "../../text/arrays.js";
import {
  canonicalJson,
  forwardFlops,
  type Recipe,
  type RecipeInput,
  readMetrics,
  resolveRecipe,
  train,
} from "../../train/index.js";
import { fewShotAccuracy, fewShotProtocol } from "./downstream.js";
import { defineJob, type Job, type JobContext, type Measurement } from "./job.js";
import type { Scale } from "./scale.js";
import type { StudyContext, StudyData } from "./study.js";

/** Settings of a training job. */
export interface TrainingJobOptions {
  readonly title: string;
  /** The recipe; data, length, seed and output are filled in where they are missing. */
  readonly recipe: Omit<RecipeInput, "data" | "total"> & Partial<Pick<RecipeInput, "data" | "total">>;
  /** Number of upstream images, each class alike. Default: the largest of the scale. */
  readonly images?: number;
  /** Training images seen, repetitions counted. Default: that of the scale. */
  readonly examples?: number;
  readonly seed: number;
  /** Fractions of the run at which checkpoints are measured. Default: an eighth, a quarter, a half, all. */
  readonly milestones?: readonly number[];
  /** A job whose last checkpoint, or whose weights, the weights start from. */
  readonly start?: Job;
  /** Datasets that few-shot accuracy is measured on. Default: those of the study. */
  readonly downstream?: readonly string[];
  /** Jobs whose last checkpoint is a teacher: the recipe refers to it by `jobReference`. */
  readonly teachers?: readonly TrainingJob[];
}

export interface TrainingJob extends Job {
  /** Matrix FLOPs of its network's forward pass for a training image, as its own objective passes it. */
  forwardFlops(): number;
}

/** Stands in a recipe for the run folder of another job. */
export const jobReference = (job: Job): string => `job:${job.id}`;

/**
 * The recipe that all networks of a study have in common: AdamW at a constant learning rate after a warmup, gradients clipped at norm 1. The
 * averages of the weights are evaluated: they take the place of a decay of the learning rate, so that every checkpoint of a run can be compared
 * with the end of a shorter run.
 */
export const commonRecipe = {
  objective: { name: "softmax" },
  optimizer: { name: "adamw", learningRate: 1e-3, weightDecay: 0.05, clipNorm: 1 },
  schedule: { name: "constant", warmup: { percent: 0.05 } },
  average: { name: "ema", halfLife: { percent: 0.025 } },
} as const satisfies Partial<RecipeInput>;

/** Holds 60,000 decoded images of 64 pixels, which are decoded once. */
const cacheBytes = 2 ** 30;

const defaultMilestones = [0.125, 0.25, 0.5, 1];

type ImageScale = Pick<Scale, "imageSize" | "smallestCrop">;

/** The preprocessing op that crops a random part of an image. */
export const cropOf = ({ imageSize, smallestCrop }: ImageScale): string =>
  `inception_crop(${imageSize},${smallestCrop},100)`;

/** Augmentation of training images and preprocessing of evaluation. */
export const preprocessingOf = (scale: ImageScale) => ({
  train: `decode|${cropOf(scale)}|flip_lr|value_range(-1,1)`,
  evaluation: `decode|resize_small(${scale.imageSize})|central_crop(${scale.imageSize})|value_range(-1,1)`,
});

/** Adds options to the spec of a dataset. */
export const withOptions = (spec: string, options: string): string =>
  options === "" ? spec : `${spec}${spec.includes("?") ? "&" : "?"}${options}`;

/** Spec of `images` upstream training images, each class alike, drawn by `seed`: all where there are no more. */
export const upstreamImages = ({ data }: StudyContext, images: number, seed: number): string =>
  withOptions(data.upstream, images >= data.images ? "" : `take=${images}&balanced=true&seed=${seed}`);

/** Spec and split of the held-out upstream images. Throws where the dataset has none. */
export function heldImages({ scale, data }: StudyContext): { readonly spec: string; readonly split: string } {
  const { heldSplit: split, upstream } = data;
  if (split === undefined) throw new Error(`${upstream} has no split to hold out; this study needs one`);
  return { spec: withOptions(upstream, `take=${scale.heldImages}&balanced=true`), split };
}

/** The upstream data of a recipe: `upstreamImages`, evaluated on the held-out images where there are such. */
export function upstreamData(context: StudyContext, images: number, seed: number): RecipeInput["data"] {
  const { train, evaluation } = preprocessingOf(context.scale);
  const held = context.data.heldSplit === undefined ? undefined : heldImages(context);
  return {
    train: { source: upstreamImages(context, images, seed), split: "train", preprocessing: train },
    evaluation: held && { source: held.spec, split: held.split, preprocessing: evaluation },
    // one thread decodes: several jobs run side by side
    workers: 1,
    cacheBytes,
  };
}

/**
 * The data of training on a downstream dataset itself, images of `side` pixels that are neither cropped at random nor flipped: its training split,
 * evaluated on its test split.
 */
export function downstreamTask(spec: string, side: number): RecipeInput["data"] {
  const preprocessing = `decode|resize(${side})|value_range(-1,1)`;
  return {
    train: { source: spec, split: "train", preprocessing },
    evaluation: { source: spec, split: "test", preprocessing },
    workers: 1,
  };
}

/** Forward FLOPs by what they depend on: many jobs differ in their data and seeds only. */
const counted = new Map<string, number>();

function countedForward(recipe: Recipe, { images, classes }: Pick<StudyData, "images" | "classes">): number {
  const { model, objective, batchSize } = recipe;
  const key = canonicalJson([model, objective, batchSize, classes]);
  const flops = counted.get(key) ?? forwardFlops(recipe, images, classes);
  counted.set(key, flops);
  return flops;
}

/**
 * Makes the job. Its measurements have the values `loss`, those of `fewShotAccuracy`, and `upstream`, the accuracy on the evaluation images of the
 * recipe (default: held-out upstream images), where there are such.
 */
export function trainingJob(context: StudyContext, options: TrainingJobOptions): TrainingJob {
  const { scale, data } = context;
  const { title, seed, start, milestones = defaultMilestones, teachers = [], downstream = data.downstream } = options;
  const images = options.images ?? scale.subsets.at(-1) ?? data.images;
  const examples = options.examples ?? scale.examples;
  const written: RecipeInput = {
    batchSize: scale.batchSize,
    seed,
    total: { examples },
    data: upstreamData(context, images, seed),
    ...options.recipe,
  };
  const recipe = resolveRecipe(start ? { ...written, initialWeights: jobReference(start) } : written);
  const settings = {
    kind: "training",
    recipe: withIdentity(recipe, data),
    milestones,
    protocol: fewShotProtocol,
    downstream,
  };
  const forward = () => countedForward(recipe, data);
  // a backward pass costs twice its forward pass; teachers have none
  const flopsPerImage = () => 3 * forward() + teachers.reduce((sum, teacher) => sum + teacher.forwardFlops(), 0);
  const job = defineJob({
    title,
    settings,
    needs: start ? [start, ...teachers] : teachers,
    flops: () => flopsPerImage() * examples,
    run: (job) => runTraining(recipe, { milestones, flopsPerImage: flopsPerImage(), downstream }, job),
  });
  return { ...job, forwardFlops: forward };
}

/** The settings with the contents of the upstream dataset in place of its path, which differs between machines. */
function withIdentity(recipe: Recipe, { upstream, identity }: StudyData): unknown {
  const path = JSON.stringify(upstream).slice(1, -1);
  const named = `upstream:${identity}`;
  // options follow "?" or, where the spec has some already, "&"
  return JSON.parse(JSON.stringify(recipe).replaceAll(`${path}&`, `${named}?`).replaceAll(path, named)) as unknown;
}

interface Measuring {
  readonly milestones: readonly number[];
  readonly flopsPerImage: number;
  readonly downstream: readonly string[];
}

/** Trains, or continues, and measures every milestone; deletes the checkpoints but the last. */
async function runTraining(recipe: Recipe, { milestones, flopsPerImage, downstream }: Measuring, job: JobContext) {
  const folder = join(job.folder, "run");
  const { threads } = job;
  // checkpoints at multiples of the first milestone
  const every = smallest(milestones);
  const whole = {
    ...withFolders(recipe, job),
    threads,
    output: folder,
    evaluate: { every: { percent: every } },
    checkpoint: { every: { percent: every }, keepLast: Math.ceil(1 / every) + 1 },
    log: { every: { percent: every } },
  };
  const trained = await train(resolveRecipe(whole), { resume: true, silent: true, signal: job.signal });
  job.signal?.throwIfAborted();
  const { checkpoints } = await listCheckpoints(join(folder, "checkpoints"));
  const metrics = await readMetrics(join(folder, "metrics.jsonl"));
  const measurements: Measurement[] = [];
  for (const fraction of milestones) {
    const step = Math.ceil(fraction * trained.totalSteps);
    const checkpoint = nearest(checkpoints, step);
    await using network = await open(checkpoint.path, { threads, batchSize: 50 });
    const recorded = metrics.filter((one) => one.step <= checkpoint.step);
    const latest = (name: string) => recorded.findLast((one) => typeof one[name] === "number")?.[name] ?? Number.NaN;
    const images = checkpoint.step * recipe.batchSize;
    measurements.push({
      images,
      flops: images * flopsPerImage,
      seconds: latest("time"),
      values: {
        loss: latest("loss"),
        ...(trained.evaluation ? { upstream: latest("evaluation/accuracy") } : {}),
        ...(await fewShotAccuracy(network, downstream, threads)),
      },
    });
  }
  const tidy = async (): Promise<void> => {
    for (const { path } of checkpoints.slice(0, -1)) await rm(path, { force: true });
  };
  return { measurements, details: { parameters: trained.parameters, steps: trained.totalSteps }, tidy };
}

/** The checkpoint of a step, or the one nearest to it. */
function nearest(checkpoints: readonly CheckpointInfo[], step: number): CheckpointInfo {
  const [first, ...rest] = checkpoints;
  if (!first) throw new Error("the run has no checkpoint that can be read; delete its folder and run the study again");
  const distance = (one: CheckpointInfo) => Math.abs(one.step - step);
  return rest.reduce((best, one) => (distance(one) < distance(best) ? one : best), first);
}

/** The recipe with the run folders of other jobs in place of references to them. */
function withFolders(recipe: Recipe, job: JobContext): Recipe {
  const folderOf = (id: string) => join(job.folder, "..", id, "run");
  return JSON.parse(
    JSON.stringify(recipe).replaceAll(/"job:([0-9a-f]+)"/g, (_, id) => JSON.stringify(folderOf(id))),
  ) as Recipe;
}
