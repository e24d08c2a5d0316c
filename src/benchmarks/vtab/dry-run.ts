/**
 * Estimates the cost of a benchmark: images that pass the backbone, fits, and the time at the backbone's measured
 * speed.
 */
import { open } from "../../networks/index.js";
import { findTasks, type MissingTask, type SuiteOptions } from "./benchmark.js";
import { planJobs } from "./protocol/jobs.js";
import { methodNamed } from "./protocol/methods.js";
import { partSizes } from "./protocol/protocol.js";
import { searchedNames, sweepSettings } from "./protocol/sweep.js";
import { chooseTasks, tasksOf } from "./suites.js";

export interface SuitePlan {
  readonly tasks: readonly {
    readonly name: string;
    readonly title: string;
    readonly train: number;
    readonly test: number;
    readonly order: string;
    readonly licence: string;
  }[];
  readonly missing: readonly MissingTask[];
  /** The number of candidate settings. */
  readonly settings: number;
  /** Images whose features are computed; for a method that trains the network, images that pass it in training. */
  readonly images: number;
  /** Classifiers fitted or networks trained. */
  readonly fits: number;
  /**
   * Forward throughput of the backbone in images per second, measured on a few batches, without reading and drawing
   * images.
   */
  readonly rate: number;
  /**
   * The settings that the heavy sweep draws values for; empty for other sweeps, and for methods without such settings.
   */
  readonly searched: readonly string[];
  /**
   * Estimated seconds of the backbone alone if nothing is stored yet. Settings with an image size are scaled by area.
   */
  readonly seconds: number;
}

/** Timed runs, after one warm-up run. */
const measuredRuns = 3;
/** A training step costs about three forward passes: forward, and backward by inputs and by parameters. */
const trainingPasses = 3;

/** Steps of methods whose settings have none: BiT's rule for small datasets (papers.md 2.3). */
const defaultSteps = 500;
const defaultBatchSize = 512;

/** Plans a benchmark without running it. Opens the backbone and runs a few batches to measure its speed. */
export async function planSuite(options: SuiteOptions): Promise<SuitePlan> {
  const { suite, data, seeds, seededDraws } = options;
  const method = methodNamed(options.method);
  const settings = sweepSettings(options.sweep, method, options);
  const { found, missing } = await findTasks(chooseTasks(tasksOf(suite, data), options.tasks), data);
  const jobs = planJobs({ tasks: found, features: method.kind === "features", seeds, seededDraws, settings });
  const fits = jobs.filter(({ kind }) => kind !== "features").length;
  const images =
    method.kind === "features"
      ? jobs.reduce((sum, job) => sum + (job.kind === "features" ? job.images : 0), 0)
      : seeds.length *
        found.length *
        settings.reduce((sum, { steps = defaultSteps, batchSize = defaultBatchSize }) => sum + steps * batchSize, 0);
  const { rate, area } = await measureRate(options);
  const areas = settings.reduce(
    (sum, { steps = defaultSteps, batchSize = defaultBatchSize, imageSize }) =>
      sum + steps * batchSize * (imageSize === undefined ? 1 : imageSize ** 2 / area),
    0,
  );
  const seconds =
    method.kind === "features" ? images / rate : (trainingPasses * seeds.length * found.length * areas) / rate;
  return {
    tasks: found.map(({ name, title, sizes, origin }) => {
      const { train800, validation200, test } = partSizes(sizes);
      return { name, title, train: train800 + validation200, test, order: origin.order, licence: origin.licence };
    }),
    missing,
    settings: settings.length,
    searched: options.sweep === "heavy" ? searchedNames(method, options) : [],
    images,
    fits,
    rate,
    seconds,
  };
}

/** Measures images per second, and returns the area of an image in pixels. */
async function measureRate({ backbone: spec, imageSize, threads, note }: SuiteOptions) {
  await using backbone = await open(spec, {
    imageSize,
    threads,
    note,
  });
  const { batchSize, imageShape } = backbone;
  const [height, width, channels] = imageShape;
  // The runtime may take over the arrays, so each run gets its own.
  const batch = (): { image: Float32Array } => ({ image: new Float32Array(batchSize * height * width * channels) });
  await backbone.run(batch());
  const started = performance.now();
  for (let run = 0; run < measuredRuns; run++) await backbone.run(batch());
  const rate = (measuredRuns * batchSize * 1000) / (performance.now() - started);
  return { rate, area: height * width };
}
