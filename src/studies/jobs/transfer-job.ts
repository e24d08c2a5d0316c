/** Jobs that transfer a trained network to the downstream datasets: classifiers on frozen features, and fine-tuning. */
import { join } from "node:path";
import { openSource, select, stratifiedSample } from "../../data/index.js";
import { open } from "../../networks/index.js";
import { fineTuneSources } from "../../train/index.js";
import { evaluatorNamed, fewShotOnFeatures, supportOrder } from "../../transfer/index.js";
import { downstreamFeatures, fewShotProtocol } from "../framework/downstream.js";
import { defineJob, type Job, type Measurement } from "../framework/job.js";
import type { Family } from "../framework/scale.js";
import type { StudyContext } from "../framework/study.js";

/** Examples of each class. */
export const transferShots = [1, 5, 10, 25] as const;

/** Classifiers on frozen features: the title of each evaluator. */
export const frozenMethods = {
  ridge: "ridge",
  knn: "nearest neighbours",
  prototypes: "nearest class mean",
  probe: "linear probe (SGD)",
} as const;

/** Options of a transfer. */
export interface TransferJobOptions {
  /** The job that trained the network. */
  readonly source: Job;
  /** Determines which of the draws of examples is used, and the random choices of fine-tuning. */
  readonly seed: number;
}

/** The draw of examples of a seed: there are as many as features are prepared for. */
const drawOf = (seed: number): number => seed % fewShotProtocol.draws;

/**
 * Makes a job that fits every classifier to frozen features. Its values are named `METHOD@SHOTS`: mean accuracy over the downstream datasets, with
 * the examples that `fineTuningJob` has.
 */
export function frozenJob({ data }: StudyContext, { source, seed }: TransferJobOptions): Job {
  const { testImages } = fewShotProtocol;
  return defineJob({
    title: `classifiers on features of ${source.title}`,
    settings: {
      kind: "classifiers",
      evaluators: Object.keys(frozenMethods),
      shots: transferShots,
      testImages,
      seed,
      downstream: data.downstream,
    },
    needs: [source],
    flops: () => 0,
    run: async ({ folderOf, threads, signal }) => {
      await using network = await open(join(folderOf(source), "run"), { threads, batchSize: 50 });
      const values: Record<string, number> = {};
      for (const found of await downstreamFeatures(network, data.downstream)) {
        for (const [name, method] of Object.entries(frozenMethods)) {
          const evaluator = evaluatorNamed(name);
          const shots = transferShots;
          const { summary } = await fewShotOnFeatures({
            ...found,
            shots,
            seeds: [drawOf(seed)],
            evaluator,
            threads,
            signal,
          });
          for (const { shots, mean } of summary) {
            const key = `${method}@${shots}`;
            values[key] = (values[key] ?? 0) + mean / data.downstream.length;
          }
        }
      }
      return { measurements: [{ images: 0, flops: 0, seconds: 0, values }], details: {} };
    },
  });
}

/**
 * Settings of fine-tuning for networks of 32 pixels: about the published learning rates for batches of 512 (papers.md 2.3, 4.4), and a tenth of
 * their steps and images.
 */
const tuning = { steps: 100, batchSize: 32, learningRate: 0.03, mixup: 0 } as const;

/** Options of a fine-tuning. */
export interface FineTuningJobOptions extends TransferJobOptions {
  readonly family: Family;
  /** The downstream dataset. */
  readonly spec: string;
}

/** Makes a job that fine-tunes the whole network with each number of examples of one dataset. Its values are named `fine-tuning@SHOTS`. */
export function fineTuningJob({ scale }: StudyContext, { source, family, spec, seed }: FineTuningJobOptions): Job {
  const { testImages } = fewShotProtocol;
  const rule = family === "ResNet" ? ("bit" as const) : ("vit" as const);
  const images = tuning.steps * tuning.batchSize;
  const choices = { ...tuning, crop: scale.imageSize };
  return defineJob({
    title: `fine-tuning of ${source.title} on ${spec}`,
    settings: { kind: "fine-tuning", rule, choices, shots: transferShots, testImages, seed, spec },
    needs: [source],
    flops: () => (source.flops() * images * transferShots.length) / scale.examples,
    run: async ({ folderOf, threads, signal }) => {
      await using train = await openSource(spec, { split: "train" });
      await using whole = await openSource(spec, { split: "test" });
      const test = stratifiedSample(whole, testImages);
      const order = supportOrder(train.labels, train.classNames.length, drawOf(seed));
      const measurements: Measurement[] = [];
      for (const shots of transferShots) {
        const rows = order.flatMap((ofClass) => ofClass.slice(0, shots)).sort((a, b) => a - b);
        const backbone = join(folderOf(source), "run");
        const started = performance.now();
        const { accuracy } = await fineTuneSources({
          rule,
          backbone,
          train: select(train, rows, `${shots} of each class`),
          test,
          choices,
          seed,
          threads,
          workers: 0,
          signal,
        });
        const seconds = (performance.now() - started) / 1000;
        const flops = (source.flops() * images) / scale.examples;
        measurements.push({ images, flops, seconds, values: { [`fine-tuning@${shots}`]: accuracy } });
      }
      return { measurements, details: {} };
    },
  });
}
