/** What a benchmark would cost: images that must pass the backbone, fits, and the time that the backbone's own speed gives. */
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
  /** Settings that are chosen among. */
  readonly settings: number;
  /** Images whose features are worked out; images that pass the network in training where it is trained. */
  readonly images: number;
  /** Classifiers fitted or networks trained. */
  readonly fits: number;
  /** Images a second that the backbone represents, as measured on a few; reading and drawing images comes on top. */
  readonly rate: number;
  /** What the heavy sweep draws values for; empty for other sweeps, and for methods that it has no ranges for. */
  readonly searched: readonly string[];
  /** Seconds expected of the backbone alone, were nothing done yet; settings with an image size count by area. */
  readonly seconds: number;
}

/** Runs that the rate is measured over, after one that is not counted. */
const measuredRuns = 3;
/** A training step costs about three times the forward pass: forward, and backward by inputs and by parameters. */
const trainingPasses = 3;

/** Of methods whose settings do not say: BiT's rule for small sets (papers.md 2.3). */
const defaultSteps = 500;
const defaultBatchSize = 512;

/** Plans a benchmark without running it. Opens the backbone and runs a few batches to know its speed. */
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

/** Images a second, and the pixels of one. */
async function measureRate({ backbone: spec, imageSize, threads, note }: SuiteOptions) {
  await using backbone = await open(spec, {
    imageSize,
    threads,
    note,
  });
  const { batchSize, imageShape } = backbone;
  const [height, width, channels] = imageShape;
  // Arrays that are given may be taken over, so each run has its own.
  const batch = (): { image: Float32Array } => ({ image: new Float32Array(batchSize * height * width * channels) });
  await backbone.run(batch());
  const started = performance.now();
  for (let run = 0; run < measuredRuns; run++) await backbone.run(batch());
  const rate = (measuredRuns * batchSize * 1000) / (performance.now() - started);
  return { rate, area: height * width };
}
